(comment) @comment
(unary_operator
  operator: "@"
  operand: (call target: (identifier) @_name)
  (#any-of? @_name "doc" "spec" "impl" "deprecated" "typedoc")) @attribute
(unary_operator
  operator: "@"
  operand: (call target: (identifier) @_name (arguments [(string) (sigil)]))
  (#any-of? @_name "doc" "typedoc")) @comment @documentation
((do_block
  (unary_operator
    operator: "@"
    operand: (call target: (identifier) @_name (arguments [(string) (sigil)] @doc)))) @body
  (#eq? @_name "moduledoc"))

(call
  target: (identifier) @_keyword
  (arguments . (alias) @name)
  (do_block) @body
  (#eq? @_keyword "defprotocol")) @definition.interface
(call
  target: (identifier) @_keyword
  (arguments . (alias) @name)
  (do_block) @body
  (#any-of? @_keyword "defmodule" "defimpl")) @definition.module
(call
  target: (identifier) @_keyword
  (arguments . [
    (identifier) @name
    (call target: (identifier) @name)
    (binary_operator left: (call target: (identifier) @name) operator: "when")
    (binary_operator left: (identifier) @name operator: "when")
  ])
  (do_block)? @body
  (#any-of? @_keyword "def" "defp" "defmacro" "defmacrop" "defguard" "defguardp" "defdelegate")) @definition.function @clause.adjacent

; Groups and tests: describe "total/1" do … end; routes: get "/carts" do … end
(call
  target: (identifier) @_call
  (arguments . (string) @name)
  (do_block) @body
  (#eq? @_call "describe")) @definition.module
(call
  target: (identifier) @_call
  (arguments . (string) @name)
  (do_block) @body
  (#any-of? @_call "test" "property" "feature" "get" "post" "put" "patch" "delete" "match")) @definition.function
