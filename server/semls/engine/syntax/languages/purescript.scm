(comment) @comment
((comment) @documentation (#match? @documentation "^-- \\|"))

; A function consists of its signature and all its equations.
(purescript (signature name: (_) @name) @definition.function @clause)
(purescript (function name: (_) @name) @definition.function @clause)
(class_instance (function name: (_) @name) @definition.function @clause)
(foreign_import name: (_) @name) @definition.function
(type_alias name: (_) @name) @definition.interface
(data name: (_) @name) @definition.struct
(newtype name: (_) @name) @definition.struct
(class_declaration (class_head (class_name) @name)) @definition.interface
(class_instance (instance_name) @name) @definition.object
(class_instance (instance_head) @name) @definition.object
; The members of a short one are part of its chunk.
[(class_declaration) (class_instance)] @scope
