(line_comment) @comment
(preprocessor (annotation)) @attribute

(function_definition name: (_) @name) @definition.function
(procedure_definition name: (_) @name) @definition.function
