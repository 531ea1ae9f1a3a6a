(comment) @comment
(documentation_comment) @comment
((documentation_comment) @documentation (#match? @documentation "^(/\\*\\*[^*/]|///([^/]|$))"))
(annotation) @attribute

(class_definition name: (_) @name) @definition.class
(mixin_declaration (identifier) @name (class_body) @body) @definition.class
(extension_declaration name: (_) @name) @definition.object
(enum_declaration name: (_) @name) @definition.enum
(type_alias (type_identifier) @name) @definition.class

((function_signature name: (_) @name) @definition.function . (function_body) @body)
((method_signature [
  (function_signature name: (_) @name)
  (getter_signature name: (_) @name)
  (setter_signature name: (_) @name)
]) @definition.method . (function_body) @body)
((method_signature [
  (constructor_signature . name: (_) . name: (_) @name)
  (factory_constructor_signature . (identifier) . (identifier) @name)
]) @definition.constructor . (function_body) @body)
((method_signature [
  (constructor_signature . name: (_) @name)
  (factory_constructor_signature . (identifier) @name)
]) @definition.constructor . (function_body) @body)
((method_signature (operator_signature "operator" @name . (_) @name)) @definition.method . (function_body) @body)

; Tests in main(): group("cart", () { … }), test("adds", () { … })
(expression_statement
  (identifier) @_call
  (selector
    (argument_part
      (arguments
        . (argument (string_literal) @name)
        (argument (function_expression body: (_) @body)))))
  (#any-of? @_call "group")) @definition.module @test
(expression_statement
  (identifier) @_call
  (selector
    (argument_part
      (arguments
        . (argument (string_literal) @name)
        (argument (function_expression body: (_) @body)))))
  (#match? @_call "^(test|testWidgets|blocTest|goldenTest)$")) @definition.function @test

; Functions that are assigned
(static_final_declaration (identifier) @name (function_expression body: (_) @body)) @definition.function @member
(initialized_identifier (identifier) @name (function_expression body: (_) @body)) @definition.function @member
