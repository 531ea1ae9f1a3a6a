(comment) @comment
[(attribute_list) (attribute_declaration)] @attribute

(module_clause (module_identifier) @name) @definition.namespace @level.1
(function_declaration
  receiver: (parameter_list (parameter_declaration type: (_) @container))
  name: (_) @name) @definition.method
(function_declaration name: (_) @name) @definition.function
(struct_declaration name: (_) @name) @definition.struct
(interface_declaration name: (_) @name) @definition.interface
(enum_declaration name: (_) @name) @definition.enum
(type_declaration name: (_) @name) @definition.interface
