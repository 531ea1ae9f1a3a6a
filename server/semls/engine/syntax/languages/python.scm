(comment) @comment
(decorator) @attribute
(decorated_definition definition: (_) @inner) @outer
(block . (string) @doc)

(class_definition name: (identifier) @name) @definition.class
(function_definition name: (identifier) @name) @definition.function
(type_alias_statement left: (type) @name) @definition.type_parameter

; Tables: values that take several lines at the top level
(module
  (assignment left: (identifier) @name right: (_) @body (#match? @body "(\\n.*){3}")) @definition.constant)
