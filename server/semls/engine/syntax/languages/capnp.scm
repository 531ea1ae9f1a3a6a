(comment) @comment

(struct . "struct" . (_) @name) @definition.struct
(enum . "enum" . (_) @name) @definition.enum
(interface . "interface" . (_) @name) @definition.interface
(method . (method_identifier) @name) @definition.method
; The members of a short one are part of its chunk.
[(struct) (interface)] @scope
