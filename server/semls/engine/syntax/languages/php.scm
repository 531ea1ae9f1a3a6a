(comment) @comment
((comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))
(attribute_list) @attribute

(namespace_definition name: (_) @qualified !body) @definition.namespace @level.1
(namespace_definition name: (_) @qualified body: (_)) @definition.namespace

(class_declaration name: (_) @name) @definition.class
(trait_declaration name: (_) @name) @definition.class
(interface_declaration name: (_) @name) @definition.interface
(enum_declaration name: (_) @name) @definition.enum
(method_declaration name: (_) @name body: (_) (#eq? @name "__construct")) @definition.constructor
(method_declaration name: (_) @name) @definition.method
(function_definition name: (_) @name) @definition.function
(anonymous_function) @scope
; The members of a short interface are part of its chunk.
(interface_declaration) @scope

; Groups: describe('cart', function () { … }), $app->group('/carts', function () { … })
((function_call_expression
  function: (name) @_call
  arguments: (arguments
    . (argument (string) @name)
    (argument [(anonymous_function body: (_) @body) (arrow_function body: (_) @body)] @module))) @definition.module
  (#any-of? @_call "describe" "context"))
((member_call_expression
  name: (name) @_call
  arguments: (arguments . (argument (string) @name) (argument (anonymous_function body: (_) @body) @module)))
  @definition.module
  (#eq? @_call "group"))
(([
  (member_call_expression name: (name) @_call arguments: (arguments (argument (anonymous_function) @module)))
  (scoped_call_expression name: (name) @_call arguments: (arguments (argument (anonymous_function) @module)))
])
  (#eq? @_call "group"))

; Tests and tasks: test('adds', function () { … }); routes: Route::get('/carts', function () { … })
((function_call_expression
  function: (name) @_call
  arguments: (arguments
    . (argument (string) @name)
    (argument [(anonymous_function body: (_) @body) (arrow_function body: (_) @body)]))) @definition.function
  (#any-of? @_call "test" "it" "task" "arch"))
((_
  name: (name) @_call
  arguments: (arguments
    . (argument (string) @name)
    (argument [(anonymous_function body: (_) @body) (arrow_function body: (_) @body)]))) @definition.function
  (#match? @_call "^(get|post|put|patch|delete|any|options|match|map|command|macro)$"))
; Hooks and other calls outside of functions
(expression_statement
  (function_call_expression
    arguments: (arguments . (argument (string) @name) (argument (anonymous_function body: (_) @body))))
  @definition.function @member)

(assignment_expression
  left: (variable_name (name) @name)
  right: [(anonymous_function body: (_) @body) (arrow_function body: (_) @body)]) @definition.function @member

(assignment_expression
  left: [(member_access_expression name: (name) @name) (subscript_expression (string) @name .)]
  right: [(anonymous_function body: (_) @body) (arrow_function body: (_) @body)]) @definition.function @member
(array_element_initializer . (string) @name . (anonymous_function body: (_) @body)) @definition.function @member

((text) @injection.content
  (#set! injection.language "html")
  (#set! injection.combined))
