(comment) @comment
(decorator) @attribute
(decorated_definition definition: (_) @inner) @outer
(block . (string) @doc)

; Steps of which all have one name: @given("a cart") def step_impl(context)
(decorated_definition
  (decorator (call function: (identifier) @_step arguments: (argument_list . (string (string_content) @name))))
  definition: (function_definition name: (identifier) @_name) @definition.function
  (#any-of? @_step "given" "when" "then" "step")
  (#any-of? @_name "step_impl" "step" "impl" "_"))

(class_definition name: (identifier) @name) @definition.class
(function_definition name: (identifier) @name) @definition.function
(type_alias_statement left: (type) @qualified) @definition.type_parameter

(assignment left: (identifier) @name right: (lambda body: (_) @body)) @definition.function @member

; Tables: values that take several lines at the top level
(module
  (assignment left: (identifier) @name right: (_) @body (#match? @body "(\\n.*){3}")) @definition.constant)
