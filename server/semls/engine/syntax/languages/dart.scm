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
  (constructor_signature . name: (_) @name)
  (factory_constructor_signature . (identifier) @name)
]) @definition.constructor . (function_body) @body)
