(comment) @comment

(entity_declaration name: (_) @name) @definition.class
(architecture_body name: (_) @name entity: (_) @container) @definition.module
(configuration_declaration name: (_) @name) @definition.module
(package_declaration name: (_) @name) @definition.module
(package_body package: (_) @name) @definition.module
(component_declaration name: (_) @name) @definition.interface

(function_body designator: (_) @name) @definition.function
(procedure_body designator: (_) @name) @definition.function
(process_statement (label . (_) @name)) @definition.function
(full_type_declaration name: (_) @name (record_type_definition)) @definition.struct
(full_type_declaration name: (_) @name (enumeration_type_definition)) @definition.enum
(full_type_declaration name: (_) @name) @definition.interface
