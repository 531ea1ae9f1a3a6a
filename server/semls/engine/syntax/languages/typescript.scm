; inherits: ecmascript
(abstract_class_declaration name: (_) @name) @definition.class
(class_body (method_definition name: (_) @name) @definition.method @clause)
(class_body (method_signature name: (_) @name) @definition.method @clause)
(class_body
  (public_field_definition
    name: (_) @name
    value: [(arrow_function) (function_expression)] @function) @definition.method)

(function_declaration name: (identifier) @name) @definition.function @clause
(public_field_definition
  name: (_) @name
  value: (call_expression
    arguments: (arguments . [
      (arrow_function body: (statement_block) @body)
      (function_expression) @function
    ]))) @definition.property

(ambient_declaration (_) @inner) @outer
(expression_statement (internal_module) @inner) @outer
(interface_declaration name: (_) @name) @definition.interface
(interface_body (method_signature name: (_) @name) @definition.method @clause)
(enum_declaration name: (_) @name) @definition.enum
(type_alias_declaration name: (_) @name) @definition.interface
(function_signature name: (_) @name) @definition.function @clause
(module name: (_) @name) @definition.namespace
(internal_module name: (_) @name) @definition.namespace
; The members of a short interface are part of its chunk.
(interface_declaration) @scope
