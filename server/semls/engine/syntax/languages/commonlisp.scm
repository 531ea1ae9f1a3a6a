[(comment) (block_comment)] @comment

(list_lit
  . (sym_lit) @_keyword
  . [(sym_lit) @name (kwd_lit (kwd_symbol) @name) (str_lit) @name]
  (#eq? @_keyword "in-package")) @definition.namespace @level.1

(defun . (defun_header function_name: (_) @name) . (str_lit) @doc @body) @definition.function
(defun . (defun_header function_name: (_) @name)) @definition.function
(list_lit
  . (sym_lit) @_keyword
  . [(sym_lit) @name (list_lit . (sym_lit) @name)]
  (#match? @_keyword "^def(struct|class|type|ine-condition)$")) @definition.struct
(list_lit
  . (sym_lit) @_keyword
  . (sym_lit) @name
  . (_)
  . (str_lit)? @doc @body
  (#match? @_keyword "^def(var|parameter|constant|global|ine-constant)$")) @definition.variable
; Also the macros of libraries: deftest, define-test, asdf:defsystem
(list_lit
  . [(sym_lit) @_keyword (package_lit symbol: (_) @_keyword)]
  . [(sym_lit) @name (kwd_lit (kwd_symbol) @name) (str_lit) @name]
  (#match? @_keyword "^(def(?!ault|er)|test$)")) @definition.function
