[(line_comment) (block_comment)] @comment
((line_comment) @documentation (#match? @documentation "^///([^/]|$)"))
(attributes) @attribute

(named_module name: (long_identifier) @qualified) @definition.module
(namespace name: (long_identifier) @qualified) @definition.namespace
(module_defn (identifier) @name) @definition.module

(function_or_value_defn
  (function_declaration_left
    "inline"? . (access_modifier)? . [(identifier) (op_identifier) (active_pattern)] @name) @definition.function
  . [":" (_)]* . "=" . body: (_) @body)
(function_or_value_defn
  (value_declaration_left (identifier_pattern . (long_identifier_or_op) @name))
  body: (fun_expression) @body) @definition.function
(function_or_value_defn
  (value_declaration_left (identifier_pattern . (long_identifier_or_op) @name . (_)))
  body: (_) @body) @definition.function
(function_or_value_defn
  (value_declaration_left (identifier_pattern . (long_identifier_or_op) @name))
  body: (_) @body
  (#match? @body "(\\n.*){3}")) @definition.constant

[(union_type_defn (type_name type_name: (_) @name)) (record_type_defn (type_name type_name: (_) @name))] @definition.struct
(enum_type_defn (type_name type_name: (_) @name)) @definition.enum
[
  (anon_type_defn (type_name type_name: (_) @name))
  (type_extension (type_name type_name: (_) @name))
] @definition.class
(interface_type_defn (type_name type_name: (_) @name)) @definition.interface
[
  (type_abbrev_defn (type_name type_name: (_) @name))
  (delegate_type_defn (type_name type_name: (_) @name))
] @definition.interface
(exception_definition . "exception" . (long_identifier) @name) @definition.class

(member_defn (method_or_prop_defn name: (property_or_ident method: (_) @name) args: (_) . (_) @body)) @definition.method
(member_defn
  "static" (method_or_prop_defn name: (property_or_ident . (identifier) @name .) args: (_) . (_) @body)) @definition.method
(member_defn
  (method_or_prop_defn name: (property_or_ident [method: (_) @name (identifier) @name]))) @definition.property
(member_defn (additional_constr_defn "new" @name)) @definition.constructor
