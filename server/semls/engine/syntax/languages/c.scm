; inherits: c_family
; Functions that a macro defines have a name among its arguments: SYSCALL_DEFINE3(open, …) { … }
((function_definition
  type: (type_identifier) @_macro
  declarator: (parenthesized_declarator (identifier) @name)) @definition.function
  (#match? @_macro "^[A-Z][A-Z0-9_]+$"))
((declaration
  type: (type_identifier) @_macro
  declarator: (parenthesized_declarator (identifier) @name)) @definition.variable
  (#match? @_macro "^DEFINE_"))

(function_definition declarator: (function_declarator declarator: (identifier) @name)) @definition.function
(function_definition
  declarator: (_ declarator: (function_declarator declarator: (identifier) @name))) @definition.function
(function_definition
  declarator: (_ declarator: (_ declarator: (function_declarator declarator: (identifier) @name)))) @definition.function

(struct_specifier name: (_) @name body: (_)) @definition.struct
(union_specifier name: (_) @name body: (_)) @definition.struct
(enum_specifier name: (_) @name body: (_)) @definition.enum
