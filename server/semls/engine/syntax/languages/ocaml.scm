; Documentation can be above a definition or right below it.
(comment) @comment @clause @doc

(let_binding
  pattern: [(value_name) @name (parenthesized_operator (_) @name)]
  . (parameter)
  body: (_) @body) @definition.function
(let_binding
  pattern: [(value_name) @name (parenthesized_operator (_) @name)]
  body: [(function_expression) (fun_expression)] @body) @definition.function
; A test: let%expect_test "adds" = …
(let_binding pattern: (string) @name body: (_) @body) @definition.function
; Other values are definitions at the top level, and where they take several lines.
(compilation_unit
  (value_definition
    (let_binding
      pattern: [(value_name) @name (parenthesized_operator (_) @name)]
      body: (_) @body) @definition.constant
    (#match? @definition.constant "\n")))
(structure
  (value_definition
    (let_binding
      pattern: [(value_name) @name (parenthesized_operator (_) @name)]
      body: (_) @body) @definition.constant
    (#match? @definition.constant "\n")))

(value_specification . [(value_name) @name (parenthesized_operator (_) @name)]) @definition.function
(external . [(value_name) @name (parenthesized_operator (_) @name)]) @definition.function
(exception_definition (constructor_declaration . (constructor_name) @name)) @definition.class
(type_binding name: (_) @name) @definition.struct
(module_type_definition . (module_type_name) @name body: (_) @body) @definition.interface
(module_binding . (module_name) @name) @definition.module
(class_binding (class_name) @name) @definition.class
(class_type_binding (class_type_name) @name) @definition.interface
(method_definition (method_name) @name) @definition.method
(method_specification (method_name) @name) @definition.method

; The members of a short signature, module or class are part of its chunk.
[(module_type_definition) (class_type_definition)] @scope
(module_binding module_type: (signature) @scope body: (_))
([(module_binding) (class_definition)] @scope (#not-match? @scope "(\n.*){5}"))
