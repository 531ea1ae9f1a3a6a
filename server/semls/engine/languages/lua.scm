(comment) @comment

(function_declaration name: (_) @qualified) @definition.function
(assignment_statement
  (variable_list . name: (_) @qualified .)
  (expression_list . value: (function_definition body: (_)? @body) .)) @definition.function
(variable_declaration . (assignment_statement) @inner .) @outer
