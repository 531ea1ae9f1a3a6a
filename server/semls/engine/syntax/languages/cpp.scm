; inherits: c_family
(template_declaration (_) @inner) @outer

(namespace_definition name: (_) @qualified) @definition.namespace
(namespace_definition !name) @definition.namespace
(linkage_specification body: (declaration_list) @body) @definition.namespace

(class_specifier name: (_) @qualified body: (_)) @definition.class
(struct_specifier name: (_) @qualified body: (_)) @definition.struct
(union_specifier name: (_) @qualified body: (_)) @definition.struct
(enum_specifier name: (_) @qualified body: (_)) @definition.enum
(concept_definition name: (_) @name) @definition.interface

; Functions that a macro defines have a name among its arguments, and no type: TEST(suite, name) { … }
((function_definition
  !type
  declarator: (function_declarator
    declarator: (identifier) @_macro
    parameters: (parameter_list
      . (parameter_declaration type: (_) @container) . (parameter_declaration type: (_) @name) .)))
  @definition.function
  (#match? @_macro "(^|_)(TEST|METHOD|TEST_?[FGP]|BENCHMARK_([A-Z]+_)?F)$"))
((function_definition
  !type
  declarator: (function_declarator
    declarator: (identifier) @_macro
    parameters: (parameter_list . (parameter_declaration type: (_) @name))))
  @definition.function
  (#match? @_macro "^[A-Z][A-Z0-9_]+$"))

(function_definition declarator: (function_declarator declarator: (_) @qualified)) @definition.function
(function_definition
  declarator: (_ (function_declarator declarator: (_) @qualified))) @definition.function
(function_definition
  declarator: (_ (_ (function_declarator declarator: (_) @qualified)))) @definition.function
; Conversions: operator bool() const
(function_definition declarator: (operator_cast) @qualified) @definition.method
(function_definition declarator: (qualified_identifier) @qualified) @definition.method
(declaration
  declarator: (init_declarator
    declarator: (identifier) @name
    value: (lambda_expression body: (_) @body))) @definition.function
