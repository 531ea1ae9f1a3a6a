[(comment) (haddock)] @comment
(declarations (pragma) @clause)
(class_declarations (pragma) @clause)
(instance_declarations (pragma) @clause)

; A function is its signature and all its equations.
(declarations [
  (signature name: (_) @name)
  (function name: (_) @name)
  (function . (infix operator: (_) @name))
  (bind name: (_) @name)
  (foreign_import signature: (signature name: (_) @name))
] @definition.function @clause)
(declarations (signature names: (binding_list . (_) @name)) @definition.function @clause)
(class_declarations [
  (signature name: (_) @name)
  (function name: (_) @name)
  (function . (infix operator: (_) @name))
  (bind name: (_) @name)
] @definition.method @clause)
(instance_declarations [
  (function name: (_) @name)
  (function . (infix operator: (_) @name))
  (bind name: (_) @name)
] @definition.method @clause)
(class name: (_) @name declarations: (_)? @body) @definition.interface
(instance name: (_) @name declarations: (_)? @body) @definition.object
(data_type name: (_) @name) @definition.struct
(newtype name: (_) @name) @definition.struct
(type_synomym name: (_) @name) @definition.interface
(type_family name: (_) @name) @definition.interface
(data_family name: (_) @name) @definition.interface
(pattern_synonym [
  (signature synonym: (_) @name)
  (equation synonym: [
    (apply function: (_) @name)
    (infix operator: (_) @name)
    (constructor) @name
  ])
]) @definition.function @clause
; What is in a short class or instance is told with it.
(class) @scope
(instance) @scope
