[(comment) (block_comment)] @comment

(procedure_declaration . (attributes)? . (identifier) @name . (procedure (block)? @body)) @definition.function
(overloaded_procedure_declaration . (attributes)? . (identifier) @name) @definition.function
(struct_declaration . (attributes)? . (identifier) @name) @definition.struct
(union_declaration . (attributes)? . (identifier) @name) @definition.struct
(bit_field_declaration . (attributes)? . (identifier) @name) @definition.struct
(enum_declaration . (attributes)? . (identifier) @name) @definition.enum
((variable_declaration . (identifier) @name . (_) @body .) @definition.variable
  (#match? @body "(\\n.*){3}"))
((const_declaration . (identifier) @name . (_) @body .) @definition.constant
  (#match? @body "(\\n.*){3}"))
