(comment) @comment
((comment) @documentation (#match? @documentation "^///"))
(attribute_item) @attribute

(function_definition . (identifier) @name) @definition.function
(function_signature . (identifier) @name) @definition.function
(struct_item name: (_) @name) @definition.struct
(enum_item name: (_) @name) @definition.enum
(trait_item name: (_) @name) @definition.interface
(impl_item . (_) @name) @definition.object
(mod_item name: (_) @name) @definition.module
; The members of a short trait are part of its chunk.
(trait_item) @scope
