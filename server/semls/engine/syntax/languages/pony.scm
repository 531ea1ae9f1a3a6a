[(line_comment) (block_comment)] @comment

(class_definition (identifier) @name) @definition.class
(actor_definition (identifier) @name) @definition.class
(primitive_definition (identifier) @name) @definition.class
(struct_definition (identifier) @name) @definition.struct
(trait_definition (identifier) @name) @definition.interface
(interface_definition (identifier) @name) @definition.interface
(type_alias (identifier) @name) @definition.interface
(constructor (identifier) @name) @definition.method
(method (identifier) @name) @definition.method
(behavior (identifier) @name) @definition.method
; The members of a short one are part of its chunk.
[(trait_definition) (interface_definition)] @scope
