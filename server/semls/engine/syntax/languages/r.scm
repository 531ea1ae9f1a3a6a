(comment) @comment
((comment) @documentation (#match? @documentation "^#'"))
(function_definition) @scope

(binary_operator
  lhs: [
    (identifier) @name
    (string) @name
    (call) @name
    (extract_operator lhs: (_) @container rhs: (_) @name)
  ]
  operator: ["<-" "<<-" "="]
  rhs: (function_definition body: (_) @body)) @definition.function
; The methods of a class: list(push = function(item) { … })
(call
  function: [
    (identifier) @_maker
    (namespace_operator rhs: (_) @_maker)
    (extract_operator rhs: (_) @_maker)
  ]
  arguments: (arguments (argument name: (_) @name value: (function_definition body: (_) @body)) @definition.method)
  (#any-of? @_maker "list" "methods" "ggproto"))
; Classes of S4, R5, R6 and S7
(binary_operator
  lhs: (identifier) @name
  rhs: (call function: [(identifier) @_maker (namespace_operator rhs: (_) @_maker)])
  (#any-of? @_maker "setClass" "setRefClass" "R6Class" "new_class" "ggproto")) @definition.class
(program (call
  function: (identifier) @_maker
  arguments: (arguments . (argument value: (string) @name))
  (#any-of? @_maker "setClass" "setRefClass")) @definition.class)
(program (call
  function: (identifier) @_maker
  arguments: (arguments . (argument value: (string) @name))
  (#any-of? @_maker "setGeneric" "setMethod" "setValidity" "setReplaceMethod")) @definition.function)
; A test: test_that("It adds", { … })
(call
  function: (identifier) @_maker
  arguments: (arguments
    . (argument value: (string) @name)
    . (comma)
    . (argument value: (braced_expression) @body) .)
  (#any-of? @_maker "test_that" "describe" "it")) @definition.function
; Tables and pipelines: values that take several lines
(program
  (binary_operator
    lhs: (identifier) @name
    operator: ["<-" "="]
    rhs: (_) @body
    (#match? @body "(\n.*){3}")) @definition.variable)
