(line_comment) @comment
(block_comment) @comment
((line_comment) @documentation (#match? @documentation "^///([^/]|$)"))
((block_comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))
(attribute_item) @attribute

(impl_item body: (_ (function_item name: (identifier) @name) @definition.method))
(trait_item body: (_ [
  (function_item name: (identifier) @name)
  (function_signature_item name: (identifier) @name)
] @definition.method))
(function_item name: (identifier) @name) @definition.function
(source_file (type_item name: (type_identifier) @name) @definition.class)
(macro_definition name: (identifier) @name) @definition.function
(struct_item name: (type_identifier) @name) @definition.struct
(union_item name: (type_identifier) @name) @definition.struct
(enum_item name: (type_identifier) @name) @definition.enum
(trait_item name: (type_identifier) @name) @definition.interface
(mod_item name: (identifier) @name body: (_)) @definition.namespace
; An impl without a trait is a namespace, since its head adds nothing to the definition of the type.
(impl_item !trait type: [
  (type_identifier) @name
  (generic_type type: (type_identifier) @name)
]) @definition.namespace
(impl_item type: [
  (type_identifier) @name
  (generic_type type: (type_identifier) @name)
  (generic_type type: (scoped_type_identifier name: (_) @name))
  (scoped_type_identifier name: (_) @name)
  (reference_type type: (type_identifier) @name)
]) @definition.object
(impl_item type: (_) @name) @definition.object

(const_item name: (identifier) @name value: (closure_expression body: (_) @body)) @definition.function
(static_item name: (identifier) @name value: (closure_expression body: (_) @body)) @definition.function

; Tables: values that take several lines
([
  (const_item name: (_) @name value: (_) @body)
  (static_item name: (_) @name value: (_) @body)
] @definition.constant (#match? @body "(\\n.*){3}"))

; The members of a short trait are part of its chunk.
(trait_item) @scope

; Conditional items: cfg_feature! { pub fn … }
([
  (source_file (macro_invocation (token_tree . "{") @injection.content))
  (mod_item body: (declaration_list (macro_invocation (token_tree . "{") @injection.content)))
  (impl_item body: (declaration_list (macro_invocation (token_tree . "{") @injection.content)))
]
  (#set! injection.self)
  (#set! injection.combined))
