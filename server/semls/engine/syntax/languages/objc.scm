(comment) @comment
((comment) @documentation (#match? @documentation "^(/\\*\\*[^*/<]|///([^/<]|$))"))
(implementation_definition (method_definition) @inner) @outer

(class_interface "@interface" . (identifier) @name) @definition.class
(class_interface "@interface" . (identifier) @name category: (identifier)) @definition.class
(class_implementation "@implementation" . (identifier) @name) @definition.class
(protocol_declaration "@protocol" . (identifier) @name) @definition.interface
; The members of a short interface are part of its chunk.
[(class_interface) (protocol_declaration)] @scope

(method_definition
  (method_type)?
  . [(identifier) @part (method_parameter ":" @part)]+
  (compound_statement) @body) @definition.method
(method_declaration [(identifier) @part (method_parameter ":" @part)]+) @definition.method
(property_declaration
  (struct_declaration (struct_declarator [
    (identifier) @name
    (_ declarator: (identifier) @name)
    (_ declarator: (_ declarator: (identifier) @name))
  ]))) @definition.property

(function_definition declarator: (function_declarator declarator: (identifier) @name)) @definition.function
(function_definition
  declarator: (_ declarator: (function_declarator declarator: (identifier) @name))) @definition.function
(preproc_function_def name: (identifier) @name value: (_) @body) @definition.function

(struct_specifier name: (_) @name body: (_)) @definition.struct
(union_specifier name: (_) @name body: (_)) @definition.struct
(enum_specifier name: (_) @name body: (_)) @definition.enum
(type_definition
  type: [(struct_specifier body: (_) @body) (union_specifier body: (_) @body)]
  declarator: (type_identifier) @name) @definition.struct
(type_definition type: (enum_specifier body: (_) @body) declarator: (type_identifier) @name) @definition.enum
; A block type: typedef void (^Handler)(BOOL);
(type_definition
  declarator: (function_declarator
    declarator: (parenthesized_declarator
      (block_pointer_declarator declarator: (type_identifier) @name)))) @definition.interface
