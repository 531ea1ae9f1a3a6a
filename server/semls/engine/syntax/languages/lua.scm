(comment) @comment

(function_declaration name: (_) @qualified) @definition.function
(assignment_statement
  (variable_list . name: (_) @qualified .)
  (expression_list . value: (function_definition body: (_)? @body) .)) @definition.function
; Documented values: --- Finds files.  M.find = lazy("find")
((comment) @_above .
  (assignment_statement (variable_list . name: (_) @qualified .)) @definition.variable
  (#match? @_above "^---"))
(variable_declaration . (assignment_statement) @inner .) @outer
