(comment) @comment

(function_declaration name: (_) @name) @definition.function
(type_declaration . "type" . (_) @name . (struct_type)) @definition.struct
(type_declaration . "type" . (_) @name . (enum_type)) @definition.enum
(type_declaration . "type" . (_) @name) @definition.interface
