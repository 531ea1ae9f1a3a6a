(comment) @comment

(list_lit
  . (sym_lit name: (sym_name) @_keyword)
  . (sym_lit name: (sym_name) @qualified)
  (#any-of? @_keyword "ns" "in-ns")) @definition.namespace @level.1

(list_lit
  . (sym_lit name: (sym_name) @_keyword)
  . (sym_lit name: (sym_name) @name)
  . (str_lit)? @body @doc
  (#any-of? @_keyword "defprotocol" "definterface")) @definition.interface @scope
(list_lit
  . (sym_lit name: (sym_name) @_keyword)
  . (sym_lit name: (sym_name) @name)
  (#any-of? @_keyword "defrecord" "deftype")) @definition.class
(list_lit
  . (sym_lit name: (sym_name) @_keyword)
  . (sym_lit name: (sym_name) @name)
  (#any-of? @_keyword "extend-protocol" "extend-type")) @definition.object
(list_lit
  . (sym_lit name: (sym_name) @_keyword)
  . (sym_lit name: (sym_name) @name)
  . (str_lit)? @body @doc
  (#any-of? @_keyword "def" "defonce" "defconst")) @definition.variable
; Also the macros of libraries: s/defn, deftest, defroutes, s/def ::price
(list_lit
  . (sym_lit name: (sym_name) @_keyword)
  . [(sym_lit name: (sym_name) @name) (kwd_lit name: (kwd_name) @name)]
  . (str_lit)? @body @doc
  (#match? @_keyword "^def(?!ault|er)")) @definition.function
; Tests in a test: (testing "with tax" …)
(list_lit
  . (sym_lit name: (sym_name) @_keyword)
  . (str_lit) @name
  (#any-of? @_keyword "testing" "facts" "fact" "describe" "it" "context")) @definition.function @test
; The members of a protocol, record or type
(list_lit
  . (sym_lit name: (sym_name) @_keyword)
  (list_lit . (sym_lit name: (sym_name) @name) . (vec_lit)) @definition.method
  (#match? @_keyword "^(def(protocol|interface|record|type)|extend-.*|reify)$"))
