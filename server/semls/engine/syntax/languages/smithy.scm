(comment) @comment
((comment) @documentation (#match? @documentation "^///"))

(namespace_statement (namespace) @qualified) @definition.namespace @level.1
(shape_statement (shape_body [
  (service_statement (identifier) @name)
  (resource_statement (identifier) @name)
])) @definition.interface
(shape_statement (shape_body (operation_statement (identifier) @name))) @definition.function
(shape_statement (shape_body (enum_statement (identifier) @name))) @definition.enum
(shape_statement (shape_body (_ (identifier) @name))) @definition.struct
