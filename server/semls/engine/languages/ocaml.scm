; Documentation may stand above or right below.
(comment) @comment @clause @doc

(compilation_unit
  (value_definition
    (let_binding pattern: [(value_name) (parenthesized_operator)] @name body: (_) @body) @definition.function))
(structure
  (value_definition
    (let_binding pattern: [(value_name) (parenthesized_operator)] @name body: (_) @body) @definition.function))
(value_specification . [(value_name) (parenthesized_operator)] @name) @definition.function
(external . [(value_name) (parenthesized_operator)] @name) @definition.function
(exception_definition (constructor_declaration . (constructor_name) @name)) @definition.class
(type_binding name: (type_constructor) @name) @definition.struct
(module_type_definition . (module_type_name) @name body: (_) @body) @definition.interface
(module_binding . (module_name) @name) @definition.module
(class_binding (class_name) @name) @definition.class
(class_type_binding (class_type_name) @name) @definition.interface
(method_definition (method_name) @name) @definition.method
(method_specification (method_name) @name) @definition.method

; A signature is told as a whole while it is short.
(module_type_definition) @scope
(class_type_definition) @scope
