(comment) @comment
(pod) @comment
; Documentation stands above a blank line.
((pod) @outer . (subroutine_declaration_statement) @inner)
((pod) @outer . (method_declaration_statement) @inner)

(package_statement name: (_) @qualified (block) @body) @definition.class
(package_statement name: (_) @qualified .) @definition.class @level.1
(class_statement name: (_) @qualified (block) @body) @definition.class
(subroutine_declaration_statement name: (_) @name) @definition.function
(method_declaration_statement name: (_) @name) @definition.method
; Moose: has name => (is => 'ro', …)
(expression_statement (ambiguous_function_call_expression
  function: (function) @_has
  arguments: [
    (autoquoted_bareword) @name
    (string_literal) @name
    (list_expression . [(autoquoted_bareword) (string_literal)] @name)
  ]
  (#eq? @_has "has"))) @definition.property
