[(line_comment) (block_comment)] @comment
((block_comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))

(package_declaration name: (_) @qualified) @definition.namespace
(class_declaration name: (_) @name) @definition.class
(interface_declaration name: (_) @name) @definition.interface
(function_declaration name: (_) @name) @definition.function
; The members of a short interface are part of its chunk.
(interface_declaration) @scope
