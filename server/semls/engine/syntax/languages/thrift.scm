(comment) @comment
((comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))

(struct_definition . "struct" . (identifier) @name) @definition.struct
(union_definition . "union" . (identifier) @name) @definition.struct
(exception_definition . "exception" . (identifier) @name) @definition.class
(enum_definition . "enum" . (identifier) @name) @definition.enum
(typedef_definition (typedef_identifier) @name) @definition.interface
(service_definition . "service" . (identifier) @name) @definition.interface
; The members of a short service are part of its chunk.
(service_definition) @scope
(function_definition (type) . (identifier) @name) @definition.method
(const_definition (identifier) @name (literal) @body (#match? @body "(\\n.*){3}")) @definition.constant
