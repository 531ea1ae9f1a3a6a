(comment) @comment
((comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))

(namespace_declaration name: (_) @qualified) @definition.namespace @level.1
(class_declaration name: (_) @name) @definition.class
(trait_declaration name: (_) @name) @definition.class
(interface_declaration name: (_) @name) @definition.interface
(enum_declaration name: (_) @name) @definition.enum
(alias_declaration . (identifier) @name) @definition.interface
(method_declaration name: (identifier) @name (#eq? @name "__construct")) @definition.constructor
(method_declaration name: (_) @name) @definition.method
(function_declaration name: (_) @name) @definition.function
; The members of a short interface are part of its chunk.
(interface_declaration) @scope
