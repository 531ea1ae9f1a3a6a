(comment) @comment
(type_declaration . [(type_spec) (type_alias)] @inner .) @outer

(function_declaration name: (identifier) @name) @definition.function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: (_) @container))
  name: (field_identifier) @name) @definition.method
(type_spec name: (type_identifier) @name type: (struct_type (_) @body)) @definition.struct
(type_spec name: (type_identifier) @name type: (interface_type)) @definition.interface
(type_spec name: (type_identifier) @name) @definition.class
(type_alias name: (type_identifier) @name) @definition.class

; Groups and tests: var _ = Describe("cart", func() { … }), t.Run("adds", func(t *testing.T) { … })
(source_file
  (var_declaration
    (var_spec
      value: (expression_list
        (call_expression
          function: (_) @_call
          arguments: (argument_list . (interpreted_string_literal) @name (func_literal body: (_) @body)))))
    (#match? @_call "Describe$")) @definition.module)
((call_expression
  function: (identifier) @_call
  arguments: (argument_list . (interpreted_string_literal) @name (func_literal body: (_) @body)))
  @definition.module @test
  (#any-of? @_call "Describe" "Context" "When"))
((call_expression
  function: [(identifier) @_call (selector_expression field: (field_identifier) @_call)]
  arguments: (argument_list . (interpreted_string_literal) @name (func_literal body: (_) @body)))
  @definition.function @test
  (#any-of? @_call "Run" "It" "Specify"))
((call_expression
  function: (selector_expression field: (field_identifier) @_call)
  arguments: (argument_list . (interpreted_string_literal) @name (func_literal body: (_) @body)))
  @definition.function
  (#match? @_call "^(HandleFunc|Get|Post|Put|Delete|Patch|GET|POST|PUT|DELETE|PATCH)$"))

; Functions that are assigned
(source_file
  (var_declaration
    (var_spec name: (identifier) @name value: (expression_list . (func_literal body: (_) @body) .)))
  @definition.function)
(source_file
  (var_declaration
    (var_spec_list
      (var_spec name: (identifier) @name value: (expression_list . (func_literal body: (_) @body) .))
      @definition.function)))

; Tables: values that take several lines
(source_file
  (var_declaration
    (var_spec name: (identifier) @name value: (_) @body (#match? @body "(\\n.*){3}"))) @definition.variable)
