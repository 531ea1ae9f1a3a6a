(comment) @comment
((comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))
(metadata) @attribute

(class_declaration name: (_) @name) @definition.class
(interface_declaration name: (_) @name) @definition.interface
(typedef_declaration name: (_) @name) @definition.interface
(function_declaration name: "new" @name) @definition.constructor
(function_declaration name: (_) @name) @definition.function
; The members of a short interface are part of its chunk.
(interface_declaration) @scope
