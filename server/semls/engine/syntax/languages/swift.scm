(comment) @comment
(multiline_comment) @comment
((comment) @documentation (#match? @documentation "^///([^/]|$)"))
((multiline_comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))

(class_declaration "struct" name: (_) @name) @definition.struct
(class_declaration "enum" name: (_) @name) @definition.enum
(class_declaration "extension" name: (_) @qualified) @definition.object
(class_declaration name: (_) @name) @definition.class
(protocol_declaration name: (_) @name) @definition.interface
(function_declaration name: (simple_identifier) @name) @definition.function
(protocol_function_declaration name: (simple_identifier) @name) @definition.method
(init_declaration "init" @name) @definition.constructor
(deinit_declaration "deinit" @name) @definition.method
(typealias_declaration name: (type_identifier) @name) @definition.class
; The members of a short protocol are part of its chunk.
(protocol_declaration) @scope

; Groups and tests: describe("cart") { … }, it("adds") { … }
((call_expression
  (simple_identifier) @_call
  (call_suffix
    (value_arguments . (value_argument value: (line_string_literal) @name))
    (lambda_literal) @body)) @definition.module @test
  (#match? @_call "^[fx]?(describe|context)$"))
((call_expression
  (simple_identifier) @_call
  (call_suffix
    (value_arguments . (value_argument value: (line_string_literal) @name))
    (lambda_literal) @body)) @definition.function @test
  (#match? @_call "^[fx]?(it|test)$"))

; Functions that are assigned
(property_declaration
  name: (pattern bound_identifier: (simple_identifier) @name)
  value: (lambda_literal) @body) @definition.function @member
