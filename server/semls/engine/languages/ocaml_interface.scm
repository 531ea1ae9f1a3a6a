; Documentation may stand above or right below.
(comment) @comment @clause @doc

(value_specification . [(value_name) (parenthesized_operator)] @name) @definition.function
(external . [(value_name) (parenthesized_operator)] @name) @definition.function
(exception_definition (constructor_declaration . (constructor_name) @name)) @definition.class
(type_binding name: (type_constructor) @name) @definition.struct
(module_type_definition . (module_type_name) @name body: (_) @body) @definition.interface
(module_definition (module_binding . (module_name) @name)) @definition.module
(class_binding (class_name) @name) @definition.class
(class_type_binding (class_type_name) @name) @definition.interface
(method_specification (method_name) @name) @definition.method
(module_type_definition) @scope
(class_type_definition) @scope
