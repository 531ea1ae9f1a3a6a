(comment) @comment
((comment) @documentation (#match? @documentation "^(/\\*\\*[^*/<]|///([^/<]|$))"))

(function_definition declarator: (function_declarator declarator: (identifier) @name)) @definition.function
(function_definition
  declarator: (_ declarator: (function_declarator declarator: (identifier) @name))) @definition.function
(function_definition
  declarator: (_ declarator: (_ declarator: (function_declarator declarator: (identifier) @name)))) @definition.function
(preproc_function_def name: (identifier) @name value: (_) @body) @definition.function

(struct_specifier name: (_) @name body: (_)) @definition.struct
(union_specifier name: (_) @name body: (_)) @definition.struct
(enum_specifier name: (_) @name body: (_)) @definition.enum
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
