(comment) @comment

(function_definition . (identifier) @name) @definition.function
(anonymous_python_function (identifier) @name) @definition.function
(python_function_definition name: (_) @name) @definition.function
