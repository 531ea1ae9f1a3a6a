(comment) @comment
((call !receiver method: (identifier) @_call !block) @attribute (#eq? @_call "desc"))

(class name: (_) @qualified) @definition.class
(module name: (_) @qualified) @definition.module
(singleton_method name: (_) @name) @definition.method
(module body: (_ (method name: (_) @name) @definition.method))
(singleton_class body: (_) @body) @definition.namespace
(singleton_class body: (_ (method name: (_) @name) @definition.method))
(method name: (_) @name) @definition.function

; Functions and classes that are assigned
(assignment
  left: [(identifier) (constant) (global_variable)] @name
  right: (lambda body: (_) @body)) @definition.function @member
((assignment
  left: [(identifier) (constant) (global_variable)] @name
  right: (call method: (identifier) @_call block: (_ body: (_) @body))) @definition.function @member
  (#any-of? @_call "lambda" "proc"))
((assignment
  left: (constant) @name
  right: (call receiver: (_) @_class method: (identifier) @_new block: (_) @body)) @definition.class
  (#match? @_class "^(::)?(Class|Module|Struct|Data)$"))

; Tables: values that take several lines
(assignment left: (constant) @name right: (_) @body (#match? @body "(\\n.*){3}")) @definition.constant

; Groups: describe "cart" do … end, RSpec.describe Cart do … end, namespace :db do … end
((call
  method: (identifier) @_call
  arguments: (argument_list . [
    (string) @name
    (simple_symbol) @symbol
    (constant) @name
    (scope_resolution) @qualified
  ])
  block: (_ body: (_) @body)) @definition.module
  (#match? @_call "^[fx]?(describe|context|feature|namespace|scope|resources?|group|factory|shared_(examples|context)(_for)?)$"))

; Tests, tasks, scopes, routes, hooks: it "adds" do … end, task build: :clean do … end, scope :due, -> { … }
((call
  !receiver
  method: (identifier) @_call
  arguments: (argument_list . [
    (string) @name
    (simple_symbol) @symbol
    (pair key: (hash_key_symbol) @name)
    (pair key: (simple_symbol) @symbol)
    (pair key: (string) @name)
  ])
  block: (_ body: (_) @body)) @definition.function
  (#match? @_call "^[fx]?(it|specify|example|scenario|test|should|task|multitask|file|define_method|(before|after|around)_\\w+)$"))
; Steps: Given(/^a cart$/) do … end
((call
  !receiver
  method: (constant) @_call
  arguments: (argument_list . [(string) @name (regex (_)+ @name)])
  block: (_ body: (_) @body)) @definition.function
  (#any-of? @_call "Given" "When" "Then" "And" "But"))
(call
  !receiver
  arguments: (argument_list . [
    (string) @name
    (simple_symbol) @symbol
    (pair key: (hash_key_symbol) @name)
  ])
  block: (do_block body: (_) @body)) @definition.function @member
(call
  !receiver
  arguments: (argument_list . [(string) @name (simple_symbol) @symbol] (lambda body: (_) @body) .)) @definition.function @member
