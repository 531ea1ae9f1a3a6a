; Documentation can be above a definition or right below it.
(comment) @comment @clause @doc

(value_specification . [(value_name) @name (parenthesized_operator (_) @name)]) @definition.function
(external . [(value_name) @name (parenthesized_operator (_) @name)]) @definition.function
(exception_definition (constructor_declaration . (constructor_name) @name)) @definition.class
(type_binding name: (_) @name) @definition.struct
(module_type_definition . (module_type_name) @name body: (_) @body) @definition.interface
(module_definition (module_binding . (module_name) @name)) @definition.module
(class_binding (class_name) @name) @definition.class
(class_type_binding (class_type_name) @name) @definition.interface
(method_specification (method_name) @name) @definition.method

; The members of a short signature, module or class are part of its chunk.
[(module_type_definition) (class_type_definition)] @scope
([(module_definition) (class_definition)] @scope (#not-match? @scope "(\n.*){5}"))
