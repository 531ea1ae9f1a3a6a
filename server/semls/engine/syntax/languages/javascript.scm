; inherits: ecmascript
(class_body (method_definition name: (_) @name) @definition.method)
(class_body
  (field_definition
    property: (_) @name
    value: [(arrow_function) (function_expression)] @function) @definition.method)

(function_declaration name: (identifier) @name) @definition.function
(field_definition
  property: (_) @name
  value: (call_expression
    arguments: (arguments . [
      (arrow_function body: (statement_block) @body)
      (function_expression) @function
    ]))) @definition.property
