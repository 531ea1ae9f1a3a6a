(comment) @comment
(block_comment) @comment
((block_comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))
(annotation) @attribute

(package_clause name: (_) @qualified !body) @definition.namespace @level.1
(package_clause name: (_) @qualified body: (_)) @definition.namespace

(class_definition name: (_) @name) @definition.class
(object_definition name: (_) @name) @definition.object
(trait_definition name: (_) @name) @definition.interface
(enum_definition name: (_) @name) @definition.enum
(function_definition name: (_) @name) @definition.function
(given_definition name: (_) @name) @definition.variable
