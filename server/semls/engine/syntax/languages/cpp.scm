(comment) @comment
((comment) @documentation (#match? @documentation "^(/\\*\\*[^*/<]|///([^/<]|$))"))
(template_declaration (_) @inner) @outer

(namespace_definition name: (_) @qualified) @definition.namespace
(namespace_definition !name) @definition.namespace
(linkage_specification body: (declaration_list) @body) @definition.namespace

(class_specifier name: (_) @qualified body: (_)) @definition.class
(struct_specifier name: (_) @qualified body: (_)) @definition.struct
(union_specifier name: (_) @qualified body: (_)) @definition.struct
(enum_specifier name: (_) @qualified body: (_)) @definition.enum
(concept_definition name: (_) @name) @definition.interface
(type_definition
  type: [(struct_specifier body: (_) @body) (union_specifier body: (_) @body)]
  declarator: (type_identifier) @name) @definition.struct
(type_definition type: (enum_specifier body: (_) @body) declarator: (type_identifier) @name) @definition.enum

(function_definition declarator: (function_declarator declarator: (_) @qualified)) @definition.function
(function_definition
  declarator: (_ (function_declarator declarator: (_) @qualified))) @definition.function
(function_definition
  declarator: (_ (_ (function_declarator declarator: (_) @qualified)))) @definition.function
(function_definition declarator: (operator_cast) @name) @definition.method
(preproc_function_def name: (identifier) @name value: (_) @body) @definition.function
(declaration
  declarator: (init_declarator
    declarator: (identifier) @name
    value: (lambda_expression body: (_) @body))) @definition.function

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
