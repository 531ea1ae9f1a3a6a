(comment) @comment
(annotation) @attribute

(class_name_statement name: (_) @name) @definition.class @level.1
(class_definition name: (_) @name) @definition.class
(function_definition name: (_) @name) @definition.function
(constructor_definition "_init" @name) @definition.constructor
(signal_statement name: (_) @name) @definition.event
(enum_definition name: (_) @name) @definition.enum
(variable_statement name: (_) @name value: (lambda body: (_) @body)) @definition.function
(variable_statement name: (_) @name setget: (_) @body) @definition.property
((_ name: (_) @name value: (_) @body) @definition.constant
  (#match? @body "(\\n.*){3}"))
