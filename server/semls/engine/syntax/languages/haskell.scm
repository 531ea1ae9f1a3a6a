[(comment) (haddock)] @comment
((haddock) @clause @doc (#match? @clause "^(--|\\{-) *\\^"))
; A pragma, fixity or role right below a definition belongs to it, any other one to the next definition.
[(pragma) (fixity) (role_annotation)] @attribute @clause
((haddock) @documentation (#match? @documentation "^(--|\\{-) *\\|"))

; A function consists of its signature and all its equations.
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
; Groups and tests: describe "cart" $ do …, it "adds" $ …
(infix
  left_operand: (apply function: (variable) @_call argument: (literal (string) @name))
  operator: (operator) @_operator
  right_operand: (_) @body
  (#match? @_call "^x?(describe|context|testGroup)$")
  (#eq? @_operator "$")) @definition.module @test
(infix
  left_operand: (apply function: (variable) @_call argument: (literal (string) @name))
  operator: (operator) @_operator
  right_operand: (_) @body
  (#match? @_call "^x?(it|specify|prop|testCase|testProperty)$")
  (#eq? @_operator "$")) @definition.function @test

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

; The members of a short one are part of its chunk.
[(class) (instance) (local_binds) (let) (let_in)] @scope
