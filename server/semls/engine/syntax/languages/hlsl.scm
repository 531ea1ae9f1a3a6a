(comment) @comment
((comment) @documentation (#match? @documentation "^(/\\*\\*[^*/<]|///([^/<]|$))"))
(hlsl_attribute) @attribute

(function_definition declarator: (function_declarator declarator: (_) @qualified)) @definition.function
(function_definition
  type: (type_identifier) @_keyword
  declarator: (identifier) @name
  (#match? @_keyword "^technique")) @definition.module
(preproc_function_def name: (identifier) @name value: (_) @body) @definition.function
(struct_specifier name: (_) @name body: (_)) @definition.struct
(class_specifier name: (_) @name body: (_)) @definition.class
(enum_specifier name: (_) @name body: (_)) @definition.enum
(namespace_definition name: (_) @qualified) @definition.namespace
; A buffer of constants: cbuffer Camera : register(b0) { … }
((declaration type: (type_identifier) @_keyword declarator: (identifier) @name) @definition.struct
  . (compound_statement) @body
  (#any-of? @_keyword "cbuffer" "tbuffer"))
