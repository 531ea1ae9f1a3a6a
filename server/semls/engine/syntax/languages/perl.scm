[(comment) (pod)] @comment
; A blank line follows documentation.
((pod) @outer . (subroutine_declaration_statement) @inner)
((pod) @outer . (method_declaration_statement) @inner)

(package_statement name: (_) @qualified (block) @body) @definition.class
(package_statement name: (_) @qualified) @definition.class @level.1
(class_statement name: (_) @qualified (block) @body) @definition.class
(class_statement name: (_) @qualified) @definition.class @level.1
; The grammar takes the rest of the file for the body of a forward declaration.
((subroutine_declaration_statement name: (_) @name body: (_) @body) @definition.function
  (#not-match? @body "^;"))
(method_declaration_statement name: (_) @name) @definition.method
; Moose: has name => (is => "ro", …)
(expression_statement (ambiguous_function_call_expression
  function: (function) @_has
  . [
    (_) @name
    (list_expression . (_) @name)
  ]
  (#eq? @_has "has"))) @definition.property
; Functions that are passed to a call: around name => sub { … }, subtest "It adds" => sub { … }
(expression_statement [
  (ambiguous_function_call_expression
    function: (function)
    . [(autoquoted_bareword) (string_literal) (interpolated_string_literal)] @name
    . (anonymous_subroutine_expression body: (_) @body) .)
  (function_call_expression
    function: (function)
    . (list_expression
      . [(autoquoted_bareword) (string_literal) (interpolated_string_literal)] @name
      . (anonymous_subroutine_expression body: (_) @body) .))
]) @definition.function
(expression_statement
  (assignment_expression
    left: [
      (variable_declaration variable: (scalar (varname) @name))
      (scalar (varname) @name)
      (glob (varname) @name)
      (hash_element_expression key: (autoquoted_bareword) @name)
    ]
    right: (anonymous_subroutine_expression body: (_) @body))) @definition.function @member
; Tables: values that take several lines
(source_file
  (expression_statement
    (assignment_expression . (variable_declaration variable: (_) @name) . (_) @body .)
    (#match? @body "(\n.*){2}")) @definition.variable)
