[(line_comment) (block_comment)] @comment
(source_file (string_literal) @comment)
(module_definition (block (string_literal) @comment))
(macrocall_expression (macro_argument_list . (_) @inner .)) @outer

(module_definition name: (_) @name (block) @body) @definition.namespace
(abstract_definition (type_head . [
  (identifier) @name
  (binary_expression . (identifier) @name)
  (parametrized_type_expression . (identifier) @name)
  (binary_expression . (parametrized_type_expression . (identifier) @name))
])) @definition.interface
(struct_definition (type_head . [
  (identifier) @name
  (binary_expression . (identifier) @name)
  (parametrized_type_expression . (identifier) @name)
  (binary_expression . (parametrized_type_expression . (identifier) @name))
])) @definition.struct
(struct_definition) @scope

(function_definition (signature [
  (call_expression . [(identifier) (field_expression) (operator)] @qualified)
  (typed_expression . (call_expression . [(identifier) (field_expression) (operator)] @qualified))
  (where_expression . (call_expression . [(identifier) (field_expression) (operator)] @qualified))
  (where_expression . (typed_expression . (call_expression . [(identifier) (field_expression) (operator)] @qualified)))
  (identifier) @name
]) (block) @body) @definition.function
(macro_definition (signature (call_expression . (identifier) @name)) (block) @body) @definition.function
; area(s) = s.w
([
  (source_file (assignment . (call_expression . [(identifier) (field_expression) (operator)] @qualified) (_) (_) @body) @definition.function)
  (module_definition (block
    (assignment . (call_expression . [(identifier) (field_expression) (operator)] @qualified) (_) (_) @body) @definition.function))
  (macro_argument_list (assignment . (call_expression . [(identifier) (field_expression) (operator)] @qualified) (_) (_) @body) @definition.function)
])
(assignment . [
  (where_expression . (call_expression . [(identifier) (field_expression) (operator)] @qualified))
  (where_expression . (typed_expression . (call_expression . [(identifier) (field_expression) (operator)] @qualified)))
  (typed_expression . (call_expression . [(identifier) (field_expression) (operator)] @qualified))
] (_) (_) @body) @definition.function
