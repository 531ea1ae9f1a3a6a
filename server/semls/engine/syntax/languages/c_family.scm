; Definitions that C and C++ share, and that come before their own

(comment) @comment
((comment) @documentation (#match? @documentation "^(/\\*\\*[^*/<]|///([^/<]|$))"))

; Functions and variables that the call of a macro defines: TEST(suite, name) { … }
((expression_statement
  (call_expression
    function: (identifier) @_macro
    arguments: (argument_list . (identifier) @container . (identifier) @name .))) @definition.function
  . (compound_statement) @body
  (#match? @_macro "(^|_)(TEST|METHOD|TEST_?[FGP]|BENCHMARK_([A-Z]+_)?F)$"))
((expression_statement
  (call_expression
    function: (identifier) @_macro
    arguments: (argument_list . [(string_literal) @name ((identifier) . (string_literal) @name)])))
  @definition.function
  . (compound_statement) @body
  (#match? @_macro "^[A-Z][A-Z0-9_]+$"))
(translation_unit
  (expression_statement
    (call_expression function: (identifier) @_macro arguments: (argument_list . (identifier) @name)))
  @definition.function
  . (compound_statement) @body
  (#match? @_macro "^[A-Z][A-Z0-9_]+$"))
((expression_statement
  (call_expression function: (identifier) @_macro arguments: (argument_list . (identifier) @name)))
  @definition.function
  . (compound_statement) @body
  (#match? @_macro "^[A-Z0-9_]*(DEFINE|TEST|FUNCTION|METHOD|MODULE)[A-Z0-9_]*$"))
((expression_statement
  (call_expression
    function: (identifier) @_macro arguments: (argument_list . (_) . (identifier) @name .))) @definition.variable
  (#match? @_macro "^DEFINE_PER_CPU"))
((expression_statement
  (call_expression function: (identifier) @_macro arguments: (argument_list . (identifier) @name)))
  @definition.variable
  (#match? @_macro "^DEFINE_"))
(preproc_function_def name: (identifier) @name value: (_) @body) @definition.function
; A function that returns a pointer to a function: void (*signal(int sig, void (*handler)(int)))(int) { … }
(function_definition
  declarator: [
    (function_declarator (parenthesized_declarator (_ declarator: (function_declarator declarator: (_) @qualified))))
    (_ (function_declarator (parenthesized_declarator (_ declarator: (function_declarator declarator: (_) @qualified)))))
  ]) @definition.function
(type_definition
  type: [(struct_specifier body: (_) @body) (union_specifier body: (_) @body)]
  declarator: (type_identifier) @name) @definition.struct
(type_definition type: (enum_specifier body: (_) @body) declarator: (type_identifier) @name) @definition.enum

; Tables: values that take several lines
(declaration
  declarator: (init_declarator
    declarator: [
      (identifier) @name
      (array_declarator declarator: (identifier) @name)
      (_ declarator: (array_declarator declarator: (identifier) @name))
    ]
    value: (initializer_list) @body)
  (#match? @body "(\\n.*){3}")) @definition.variable
