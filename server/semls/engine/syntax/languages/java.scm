(line_comment) @comment
(block_comment) @comment
((block_comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))
(annotation) @attribute
(marker_annotation) @attribute

(package_declaration (_) @qualified) @definition.namespace @level.1

(class_declaration name: (identifier) @name) @definition.class
(record_declaration name: (identifier) @name) @definition.class
(interface_declaration name: (identifier) @name) @definition.interface
(annotation_type_declaration name: (identifier) @name) @definition.interface
(enum_declaration name: (identifier) @name) @definition.enum
(constructor_declaration name: (identifier) @name) @definition.constructor
(compact_constructor_declaration name: (identifier) @name) @definition.constructor
(method_declaration name: (identifier) @name) @definition.method
; The members of a short interface are part of its chunk.
(interface_declaration) @scope

; Functions that are assigned
(field_declaration
  declarator: (variable_declarator name: (identifier) @name value: (lambda_expression body: (_) @body)))
  @definition.method
