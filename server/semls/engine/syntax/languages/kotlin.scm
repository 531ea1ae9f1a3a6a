(line_comment) @comment
(multiline_comment) @comment
((multiline_comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))
(annotation) @attribute

(package_header (identifier) @qualified) @definition.namespace @level.1

(class_declaration "interface" (type_identifier) @name [(class_body) (enum_class_body)]? @body) @definition.interface
(class_declaration "enum" (type_identifier) @name (enum_class_body)? @body) @definition.enum
(class_declaration (type_identifier) @name (class_body)? @body) @definition.class
(object_declaration (type_identifier) @name (class_body)? @body) @definition.object
(companion_object (class_body) @body) @definition.namespace
(function_declaration (simple_identifier) @name (function_body)? @body) @definition.function
(secondary_constructor "constructor" @name) @definition.constructor
(type_alias (type_identifier) @name) @definition.class
; The members of a short interface are part of its chunk.
(class_declaration "interface") @scope
