[(comment) (haddock)] @comment
((haddock) @clause @doc (#match? @clause "^(--|\\{-) *\\^"))
; Right below a definition they are its own, else that of the next.
[(pragma) (fixity) (role_annotation)] @attribute @clause
; Documentation may stand above a blank line.
(declarations ((haddock) @outer . (_) @inner (#match? @outer "^(--|\\{-) *\\|")))

; A function is its signature and all its equations.
[
  (signature name: [(variable) @name (prefix_id (_) @name)])
  (signature names: (binding_list . name: [(variable) @name (prefix_id (_) @name)]))
  (default_signature signature: (signature name: [(variable) @name (prefix_id (_) @name)]))
  (foreign_import signature: (signature name: [(variable) @name (prefix_id (_) @name)]))
  (function name: [(variable) @name (prefix_id (_) @name)])
  (function . (infix operator: [(operator) @name (infix_id (_) @name)]))
  (function . (function_head_parens (infix operator: [(operator) @name (infix_id (_) @name)])))
  (bind name: [(variable) @name (prefix_id (_) @name)])
] @definition.function @clause
(pattern_synonym [
  (signature synonym: [(constructor) @name (prefix_id (_) @name) (binding_list . (_) @name)])
  (equation synonym: [
    (constructor) @name
    (apply function: (constructor) @name)
    (infix operator: [(constructor_operator) @name (infix_id (_) @name)])
    (record constructor: (_) @name)
  ])
]) @definition.constructor @clause

(class
  [name: (_) @name (infix operator: (_) @name) (parens (infix operator: (_) @name))]
  declarations: (_)? @body) @definition.interface
(instance [name: (_) patterns: (_) (infix)]+ @name declarations: (_)? @body) @definition.object
[
  (data_type name: (_) @name)
  (data_type . (infix operator: (_) @name))
  (newtype name: (_) @name)
] @definition.struct
[
  (type_synomym name: (_) @name)
  (type_family name: (_) @name)
  (data_family name: (_) @name)
] @definition.interface

; What is in a short one is told with it.
[(class) (instance) (local_binds) (let) (let_in)] @scope
