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

; Groups and tests: test("adds") { … }, "cart" should "add" in { … }
(call_expression
  function: (call_expression function: (identifier) @_call arguments: (arguments . (string) @name))
  arguments: (block) @body
  (#any-of? @_call "describe" "feature")) @definition.module
(call_expression
  function: (call_expression function: (identifier) @_call arguments: (arguments . (string) @name))
  arguments: (block) @body
  (#match? @_call "^(test|testAsync|it|they|scenario|ignore|property)$")) @definition.function
(infix_expression
  left: [(string) @name (infix_expression right: (string) @name)]
  operator: (identifier) @_in
  right: (block) @body
  (#any-of? @_in "in" "ignore")) @definition.function
(infix_expression
  left: (string) @name
  operator: (identifier) @_should
  right: (block) @body
  (#any-of? @_should "should" "when" "which" "that" "can" "must")) @definition.module

; Functions that are assigned
(val_definition pattern: (identifier) @name value: (lambda_expression) @body) @definition.function @member
