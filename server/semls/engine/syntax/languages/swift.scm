(comment) @comment
(multiline_comment) @comment
((comment) @documentation (#match? @documentation "^///([^/]|$)"))
((multiline_comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))

(class_declaration "struct" name: (_) @name) @definition.struct
(class_declaration "enum" name: (_) @name) @definition.enum
(class_declaration "extension" name: (_) @qualified) @definition.object
(class_declaration name: (_) @name) @definition.class
(protocol_declaration name: (_) @name) @definition.interface
(function_declaration name: (simple_identifier) @name) @definition.function
(protocol_function_declaration name: (simple_identifier) @name) @definition.method
(init_declaration "init" @name) @definition.constructor
(deinit_declaration "deinit" @name) @definition.method
(typealias_declaration name: (type_identifier) @name) @definition.class
; The members of a short protocol are part of its chunk.
(protocol_declaration) @scope
