[(line_comment) (block_comment)] @comment
(source_file (string_literal) @comment)
(module_definition (block (string_literal) @comment))
(macrocall_expression (macro_argument_list . (_) @inner .)) @outer
(const_statement . (assignment) @inner .) @outer

(module_definition name: (_) @name (block)? @body) @definition.module
(abstract_definition (type_head . [
  (identifier) @name
  (binary_expression . (identifier) @name)
  (parametrized_type_expression . (identifier) @name)
  (binary_expression . (parametrized_type_expression . (identifier) @name))
])) @definition.interface
([
  (struct_definition (type_head . [
    (identifier) @name
    (binary_expression . (identifier) @name)
    (parametrized_type_expression . (identifier) @name)
    (binary_expression . (parametrized_type_expression . (identifier) @name))
  ]))
  (primitive_definition (type_head . [(identifier) @name (binary_expression . (identifier) @name)]))
] @definition.struct)
(struct_definition) @scope
(macrocall_expression
  . (macro_identifier (identifier) @_macro)
  . (macro_argument_list . [(identifier) @name (typed_expression . (identifier) @name)])
  (#eq? @_macro "enum")) @definition.enum

; The function that is called: area, Base.show, +, Cart{T}, or an object (cart::Cart)
([
  (function_definition . (signature . [
    (call_expression . [(identifier) (field_expression) (operator)] @qualified)
    (typed_expression . (call_expression . [(identifier) (field_expression) (operator)] @qualified))
    (where_expression . (call_expression . [(identifier) (field_expression) (operator)] @qualified))
    (where_expression . (typed_expression . (call_expression . [(identifier) (field_expression) (operator)] @qualified)))
    (call_expression . [(parenthesized_expression) @name (parametrized_type_expression . (_) @name)])
    (where_expression . (call_expression . [(parenthesized_expression) @name (parametrized_type_expression . (_) @name)]))
    (identifier) @name
  ]) . (block)? @body)
  (macro_definition . (signature . (call_expression . (_) @name)) . (block)? @body)
  ; area(shape) = shape.width
  (assignment . [
    (call_expression . [(identifier) (field_expression) (operator)] @qualified)
    (typed_expression . (call_expression . [(identifier) (field_expression) (operator)] @qualified))
    (where_expression . (call_expression . [(identifier) (field_expression) (operator)] @qualified))
    (where_expression . (typed_expression . (call_expression . [(identifier) (field_expression) (operator)] @qualified)))
    (call_expression . [(parenthesized_expression) @name (parametrized_type_expression . (_) @name)])
    (where_expression . (call_expression . [(parenthesized_expression) @name (parametrized_type_expression . (_) @name)]))
  ] . (operator) . (_) @body)
  (assignment . (identifier) @name . (operator) . (function_definition (block) @body))
] @definition.function)
; @testset "adds" begin … end
(macrocall_expression
  . (macro_identifier (identifier) @_macro)
  . (macro_argument_list . (string_literal) @name (compound_statement) @body .)
  (#eq? @_macro "testset")) @definition.function
; Tables: values that take several lines
(const_statement
  . (assignment . [(identifier) @name (typed_expression . (identifier) @name)] . (operator) . (_) @body)
    @definition.constant
  (#match? @body "(\n.*){3}"))
; for type in (:Cart, :Item) @eval size(x::$type) = 1 end
[(for_statement) (let_statement)] @scope

(assignment . (identifier) @name . (_) . (arrow_function_expression) @body .) @definition.function @member
