[(line_comment) (block_comment)] @comment
((block_comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))

(class_declaration name: (_) @name) @definition.class
(interface_declaration name: (_) @name) @definition.interface
(enum_declaration name: (_) @name) @definition.enum
(trigger_declaration name: (_) @name) @definition.class
(constructor_declaration name: (_) @name) @definition.constructor
(method_declaration name: (_) @name) @definition.method
(field_declaration declarator: (_ name: (_) @name) (accessor_list) @body) @definition.property
; The members of a short interface are part of its chunk.
(interface_declaration) @scope
