(comment) @comment
((comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))
(decorator) @attribute

(export_statement declaration: (_) @inner) @outer
(export_statement value: (_) @inner) @outer
(lexical_declaration . (variable_declarator) @inner .) @outer
(variable_declaration . (variable_declarator) @inner .) @outer
(expression_statement . (assignment_expression) @inner .) @outer
(assignment_expression right: (assignment_expression) @inner) @outer

(arrow_function) @scope
(function_expression) @scope

(class_declaration name: (_) @name) @definition.class
(abstract_class_declaration name: (_) @name) @definition.class
(export_statement "default" @name value: (class) @definition.class)
(variable_declarator name: (identifier) @name value: (class body: (_) @body)) @definition.class

(method_definition name: (property_identifier) @name (#eq? @name "constructor")) @definition.constructor
(class_body (method_definition name: (_) @name) @definition.method @clause)
(class_body (method_signature name: (_) @name) @definition.method @clause)
(class_body
  (public_field_definition
    name: (_) @name
    value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @definition.method)

(function_declaration name: (identifier) @name) @definition.function @clause
(generator_function_declaration name: (identifier) @name) @definition.function
(export_statement
  "default" @name
  value: [(arrow_function) (function_expression) (generator_function)] @definition.function)
(variable_declarator
  name: (identifier) @name
  value: [
    (arrow_function body: (_) @body)
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)
  ]) @definition.function

(assignment_expression
  left: (member_expression
    object: (member_expression object: (_) @container property: (property_identifier) @_prototype)
    property: (property_identifier) @name)
  right: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]
  (#eq? @_prototype "prototype")) @definition.method
(assignment_expression
  left: (member_expression property: (property_identifier) @name)
  right: [
    (arrow_function body: (_) @body)
    (function_expression body: (_) @body)
    (generator_function body: (_) @body)
  ]) @definition.function

; Objects of functions: const api = { load() {}, save: () => {} }, module.exports = { … }
(variable_declarator
  name: (identifier) @name
  value: (object [(method_definition) (pair value: [(arrow_function) (function_expression)])]) @body) @definition.object
(program
  [
    (lexical_declaration (variable_declarator value: (object (method_definition name: (_) @name) @definition.method)))
    (export_statement
      (lexical_declaration (variable_declarator value: (object (method_definition name: (_) @name) @definition.method))))
    (export_statement value: (object (method_definition name: (_) @name) @definition.method))
    (expression_statement
      (assignment_expression right: (object (method_definition name: (_) @name) @definition.method)))
  ])
(variable_declarator
  value: (object
    (pair
      key: (property_identifier) @name
      value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @definition.method))

; Functions that are passed to a call: const Row = memo(() => { … })
(variable_declarator
  name: (identifier) @name
  value: (call_expression
    arguments: (arguments . [
      (arrow_function body: (statement_block) @body)
      (function_expression body: (_) @body)
    ]))) @definition.variable
(public_field_definition
  name: (_) @name
  value: (call_expression
    arguments: (arguments . [
      (arrow_function body: (statement_block) @body)
      (function_expression body: (_) @body)
    ]))) @definition.property

; Tables, schemas, stores: values that take several lines at the top level
(program
  (lexical_declaration
    (variable_declarator name: (identifier) @name value: (_) @body (#match? @body "(\\n.*){3}")) @definition.constant))
(program
  (export_statement
    (lexical_declaration
      (variable_declarator name: (identifier) @name value: (_) @body (#match? @body "(\\n.*){3}")) @definition.constant)))

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
