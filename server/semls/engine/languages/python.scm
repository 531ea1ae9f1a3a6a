(comment) @comment
(decorator) @attribute
(decorated_definition definition: (_) @inner) @outer
(block . (string) @doc)

(class_definition name: (identifier) @name) @definition.class
(function_definition name: (identifier) @name) @definition.function
(type_alias_statement left: (type) @name) @definition.type_parameter
