[(line_comment) (block_comment)] @comment
((block_comment) @documentation (#match? @documentation "^\\{-\\|"))

(module_declaration name: (_) @qualified) @definition.namespace @level.1
; A function consists of its annotation and its equation.
(type_annotation name: (_) @name) @definition.function @clause
(value_declaration
  functionDeclarationLeft: (function_declaration_left . (lower_case_identifier) @name)
  body: (_) @body) @definition.function @clause
(port_annotation name: (_) @name) @definition.function
(type_alias_declaration name: (_) @name) @definition.interface
(type_declaration name: (_) @name) @definition.struct
