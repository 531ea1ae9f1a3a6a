(comment) @comment

(class_definition name: (_) @name (superclasses)? . (comment) @doc @body) @definition.class
(class_definition name: (_) @name) @definition.class
(function_definition name: (_) @name . (function_arguments)? . (comment) @doc @body) @definition.function
(function_definition name: (_) @name (block)? @body) @definition.function
