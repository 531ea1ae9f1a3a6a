(comment) @comment
((comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))
(attribute_list) @attribute

(namespace_definition name: (_) @qualified !body) @definition.namespace @level.1
(namespace_definition name: (_) @qualified body: (_)) @definition.namespace

(class_declaration name: (_) @name) @definition.class
(trait_declaration name: (_) @name) @definition.class
(interface_declaration name: (_) @name) @definition.interface
(enum_declaration name: (_) @name) @definition.enum
(method_declaration name: (_) @name body: (_) (#eq? @name "__construct")) @definition.constructor
(method_declaration name: (_) @name) @definition.method
(function_definition name: (_) @name) @definition.function
(anonymous_function) @scope
; The members of a short interface are part of its chunk.
(interface_declaration) @scope
