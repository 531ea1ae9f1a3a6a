(comment) @comment

(ui_object_definition
  initializer: (ui_object_initializer
    (ui_binding name: (identifier) @_id value: (expression_statement (identifier) @name)))
  (#eq? @_id "id")) @definition.object
(ui_inline_component name: (_) @name) @definition.class
(ui_signal name: (_) @name) @definition.event
(enum_declaration name: (_) @name) @definition.enum
(function_declaration name: (_) @name) @definition.function
(generator_function_declaration name: (_) @name) @definition.function
; A handler: onClicked: { … }
(ui_binding name: (_) @name value: (statement_block) @body) @definition.method
((ui_property name: (_) @name value: (_) @body) @definition.property
  (#match? @body "(\\n.*){3}"))
