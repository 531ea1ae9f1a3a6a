(line_comment) @comment
(multiline_comment) @comment
((multiline_comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))
(annotation) @attribute

(package_header (identifier) @qualified) @definition.namespace @level.1

(class_declaration "interface" (type_identifier) @name [(class_body) (enum_class_body)]? @body) @definition.interface
(class_declaration "enum" (type_identifier) @name (enum_class_body)? @body) @definition.enum
(class_declaration (type_identifier) @name (class_body)? @body) @definition.class
(object_declaration (type_identifier) @name (class_body)? @body) @definition.object
(companion_object (class_body) @body) @definition.namespace
(function_declaration (simple_identifier) @name (function_body)? @body) @definition.function
(secondary_constructor "constructor" @name) @definition.constructor
(type_alias (type_identifier) @name) @definition.class
; The members of a short interface are part of its chunk.
(class_declaration "interface") @scope

; Groups and tests, routes, tasks: test("adds") { … }, get("/carts") { … }, tasks.register("deploy") { … }
(call_expression
  (simple_identifier) @_call
  (call_suffix
    (value_arguments . (value_argument (string_literal) @name))
    (annotated_lambda (lambda_literal) @body))
  (#match? @_call "^`?(x?(context|describe|feature|given|when)|Given|When|And)`?$")) @definition.module
(infix_expression
  (string_literal) @name
  (simple_identifier) @_should
  (lambda_literal) @body
  (#any-of? @_should "should" "When")) @definition.module
(call_expression
  [(simple_identifier) @_call (navigation_expression (navigation_suffix (simple_identifier) @_call))]
  (call_suffix
    (value_arguments . (value_argument (string_literal) @name))
    (annotated_lambda (lambda_literal) @body))
  (#match? @_call "^(x?(test|it|should|scenario|expect|then)|Then|get|post|put|delete|patch|route|register|task)$")) @definition.function
; Tests without a function: "adds" { … }, "adds".config(…) { … }
(call_expression
  (string_literal) @name
  (call_suffix (annotated_lambda (lambda_literal) @body))) @definition.function
(call_expression
  (navigation_expression (string_literal) @name (navigation_suffix (simple_identifier) @_config))
  (call_suffix (annotated_lambda (lambda_literal) @body))
  (#eq? @_config "config")) @definition.function

; Functions that are assigned
(property_declaration
  (variable_declaration (simple_identifier) @name)
  [(lambda_literal) (anonymous_function)] @body) @definition.function @member
