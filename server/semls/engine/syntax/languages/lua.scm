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

; Tables of functions: local M = { go = function() … end }
(assignment_statement
  (variable_list . name: (_) @qualified .)
  (expression_list . value: (table_constructor (field value: (function_definition))) @body .)) @definition.object
(field name: [(identifier) (string)] @name value: (function_definition body: (_)? @body)) @definition.method @member

; Groups and tests: describe("cart", function() … end); other calls outside of functions with a name and a function
((function_call
  name: (identifier) @_call
  arguments: (arguments . (string) @name (function_definition body: (_) @body))) @definition.module
  (#any-of? @_call "describe" "context" "insulate" "expose"))
((function_call
  name: (identifier) @_call
  arguments: (arguments . (string) @name (function_definition body: (_) @body))) @definition.function
  (#any-of? @_call "it" "spec" "test" "pending" "task"))
(chunk
  (function_call
    arguments: (arguments . (string) @name (function_definition body: (_) @body))) @definition.function)
