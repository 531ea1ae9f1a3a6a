(comment) @comment

(package_declaration name: (_) @qualified) @definition.module
(package_body name: (_) @qualified) @definition.module
(generic_package_declaration (package_declaration name: (_) @qualified)) @definition.module
(subprogram_body [
  (function_specification name: (_) @qualified)
  (procedure_specification name: (_) @qualified)
]) @definition.function
(expression_function_declaration (function_specification name: (_) @name)) @definition.function
(generic_instantiation name: (_) @name) @definition.module
(task_body "body" . (identifier) @name) @definition.class
(protected_body "body" . (identifier) @name) @definition.class
(full_type_declaration (task_type_declaration (identifier) @name)) @definition.interface
(full_type_declaration (protected_type_declaration (identifier) @name)) @definition.interface
(full_type_declaration . (identifier) @name (enumeration_type_definition)) @definition.enum
(full_type_declaration . (identifier) @name (record_type_definition)) @definition.struct
(full_type_declaration . (identifier) @name (derived_type_definition)) @definition.struct
