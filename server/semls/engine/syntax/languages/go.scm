(comment) @comment
(type_declaration . [(type_spec) (type_alias)] @inner .) @outer

(function_declaration name: (identifier) @name) @definition.function
(method_declaration
  receiver: (parameter_list (parameter_declaration type: (_) @container))
  name: (field_identifier) @name) @definition.method
(type_spec name: (type_identifier) @name type: (struct_type (_) @body)) @definition.struct
(type_spec name: (type_identifier) @name type: (interface_type)) @definition.interface
(type_spec name: (type_identifier) @name) @definition.class
(type_alias name: (type_identifier) @name) @definition.class

; Tables: values that take several lines
(source_file
  (var_declaration
    (var_spec name: (identifier) @name value: (_) @body (#match? @body "(\\n.*){3}"))) @definition.variable)
