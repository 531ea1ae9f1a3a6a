(comment) @comment

(function_statement (function_name) @qualified (script_block) @body) @definition.function
(class_statement . (simple_name) @name) @definition.class
(enum_statement . (simple_name) @name) @definition.enum
(class_method_definition (simple_name) @name (script_block) @body) @definition.method
; A script block in a variable: $handler = { … }
(assignment_expression
  (left_assignment_expression) @name
  value: (pipeline . (pipeline_chain . (logical_expression . (bitwise_expression . (comparison_expression
    . (additive_expression . (multiplicative_expression . (format_expression . (range_expression
      . (array_literal_expression . (unary_expression . (script_block_expression) @body)))))))))))) @definition.function
; Groups of tests: Describe 'the cart' { … }
(command
  command_name: (command_name) @_maker
  command_elements: (command_elements
    . (command_argument_sep)
    . [(generic_token) @name (array_literal_expression . (unary_expression . (string_literal) @name .) .)]
    (array_literal_expression . (unary_expression . (script_block_expression) @body .) .) .)
  (#match? @_maker "(?i)^(describe|context)$")) @definition.module
; A command that takes a name and a block: It 'adds' { … }, configuration WebServer { … }
(command
  command_name: (command_name) @_maker
  command_elements: (command_elements
    . (command_argument_sep)
    . [(generic_token) @name (array_literal_expression . (unary_expression . (string_literal) @name .) .)]
    (array_literal_expression . (unary_expression . (script_block_expression) @body .) .) .)
  (#match? @_maker "(?i)^(it|task|configuration|node|properties|synopsis)$")) @definition.function
