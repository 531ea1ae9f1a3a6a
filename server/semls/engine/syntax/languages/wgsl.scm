[(line_comment) (block_comment)] @comment

(function_declaration name: (_) @name) @definition.function
(struct_declaration name: (_) @name) @definition.struct
(type_alias_declaration . _ . (_) @name) @definition.interface
((ERROR . (identifier) @_keyword . (identifier) @name) @definition.interface
  (#eq? @_keyword "alias"))
