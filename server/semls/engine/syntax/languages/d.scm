(comment) @comment
((comment) @documentation (#match? @documentation "^(/\\*\\*[^*/]|/\\+\\+|///([^/]|$))"))

(module_declaration (module_fqn) @qualified) @definition.namespace @level.1
(class_declaration (class) . (identifier) @name) @definition.class
(struct_declaration (struct) . (identifier) @name) @definition.struct
(union_declaration (union) . (identifier) @name) @definition.struct
(interface_declaration (interface) . (identifier) @name) @definition.interface
(enum_declaration (enum) . (identifier) @name) @definition.enum
(template_declaration (template) . (identifier) @name) @definition.module
(mixin_template_declaration) @scope
(constructor (this) @name) @definition.constructor
(destructor (this) @name) @definition.method
(function_declaration (identifier) @name . (template_parameters)? . (parameters)) @definition.function
(auto_declaration variable: (_) @name value: (_) @body (#match? @body "(\\n.*){3}")) @definition.constant
; The members of a short interface are part of its chunk.
(interface_declaration) @scope
