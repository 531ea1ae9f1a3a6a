[(comment) (description)] @comment

[
  (object_type_definition (name) @name (fields_definition)? @body)
  (object_type_extension (name) @name (fields_definition)? @body)
  (input_object_type_definition (name) @name (input_fields_definition)? @body)
  (input_object_type_extension (name) @name (input_fields_definition)? @body)
] @definition.class
[
  (interface_type_definition (name) @name (fields_definition)? @body)
  (interface_type_extension (name) @name (fields_definition)? @body)
  (union_type_definition (name) @name)
  (union_type_extension (name) @name)
  (scalar_type_definition (name) @name)
] @definition.interface
[
  (enum_type_definition (name) @name (enum_values_definition)? @body)
  (enum_type_extension (name) @name (enum_values_definition)? @body)
] @definition.enum
[
  (directive_definition (name) @name)
  (operation_definition (name) @name (selection_set) @body)
  (fragment_definition (fragment_name) @name (selection_set) @body)
] @definition.function
