(comment) @comment
(decorators) @attribute

(resource_declaration . (identifier) @name) @definition.object
(module_declaration . (identifier) @name) @definition.object
(user_defined_function name: (_) @name) @definition.function
(type_declaration . (identifier) @name) @definition.struct
(variable_declaration . (identifier) @name . (_) @body (#match? @body "(\\n.*){3}")) @definition.variable
