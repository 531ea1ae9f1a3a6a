(comment) @comment

(function_definition
  (function_declaration name: [
    (identifier) @name
    (scoped_identifier (identifier) @name)
    (field_expression) @qualified
  ])
  (body)? @body) @definition.function
(command_statement name: (_) @name) @definition.function
(let_statement
  . "let"
  . [(identifier) @name (scoped_identifier (identifier) @name)]
  . (lambda_expression)) @definition.function
((let_statement
  . "let"
  . [(identifier) @name (scoped_identifier (identifier) @name)]
  . (_) @body) @definition.variable
  (#match? @definition.variable "(\\n.*){3}"))
