(comment) @comment
(function_definition) @scope

(binary_operator
  lhs: [(identifier) (string)] @name
  operator: ["<-" "<<-" "="]
  rhs: (function_definition body: (_) @body)) @definition.function
(argument name: (_) @name value: (function_definition body: (_) @body)) @definition.function
; Classes of S4, R5 and R6
(binary_operator
  lhs: (identifier) @name
  rhs: (call function: [(identifier) @_maker (namespace_operator rhs: (_) @_maker)])
  (#any-of? @_maker "setClass" "setRefClass" "R6Class")) @definition.class
(program (call
  function: (identifier) @_maker
  arguments: (arguments . (argument value: (string) @name))
  (#any-of? @_maker "setClass" "setRefClass")) @definition.class)
(program (call
  function: (identifier) @_maker
  arguments: (arguments . (argument value: (string) @name))
  (#any-of? @_maker "setGeneric" "setMethod" "setValidity" "setReplaceMethod")) @definition.function)
