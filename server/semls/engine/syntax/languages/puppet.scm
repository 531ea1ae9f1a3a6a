(comment) @comment

(class_definition (class_identifier) @qualified) @definition.class
(defined_resource_type (class_identifier) @qualified) @definition.class
(function_declaration (class_identifier) @qualified) @definition.function
(type_declaration (class_identifier) @qualified) @definition.interface
(node_definition (node_name) @name) @definition.object
(resource_declaration title: (_) @name) @definition.object
; The resources of a short class are part of its chunk.
[(class_definition) (defined_resource_type) (node_definition)] @scope
