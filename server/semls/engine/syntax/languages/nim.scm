[(comment) (block_comment) (documentation_comment) (block_documentation_comment)] @comment
(_ name: (_) (documentation_comment) @doc body: (_) @body)

(_
  name: [
    (identifier) @name
    (accent_quoted (_) @name)
    (exported_symbol [(identifier) @name (accent_quoted (_) @name)])
  ]
  parameters: (_)? @_parameters
  body: (_) @body) @definition.function
(type_declaration
  (type_symbol_declaration name: [(identifier) @name (exported_symbol (_) @name)])
  . (enum_declaration)) @definition.enum
(type_declaration
  (type_symbol_declaration name: [(identifier) @name (exported_symbol (_) @name)])
  . (concept_declaration)) @definition.interface
(type_declaration
  (type_symbol_declaration name: [(identifier) @name (exported_symbol (_) @name)])) @definition.struct
(variable_declaration
  (symbol_declaration_list . (symbol_declaration name: [(identifier) @name (exported_symbol (_) @name)]))
  value: (proc_expression) @body) @definition.function
(variable_declaration
  (symbol_declaration_list . (symbol_declaration name: [(identifier) @name (exported_symbol (_) @name)]))
  value: (_) @body
  (#match? @body "(\\n.*){3}")) @definition.constant
; A test: test "adds": …
(call
  function: (identifier) @_keyword
  (argument_list . (interpreted_string_literal) @name (statement_list) @body .)
  (#any-of? @_keyword "suite" "test" "describe" "it")) @definition.function
