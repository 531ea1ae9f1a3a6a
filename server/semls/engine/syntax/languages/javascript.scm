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
(export_statement "default" @name value: (class) @definition.class)
(variable_declarator name: (identifier) @name value: (class body: (_) @body)) @definition.class

(method_definition name: (property_identifier) @name (#eq? @name "constructor")) @definition.constructor
(class_body (method_definition name: (_) @name) @definition.method)
(class_body
  (field_definition
    property: (_) @name
    value: [(arrow_function body: (_) @body) (function_expression body: (_) @body)]) @definition.method)

(function_declaration name: (identifier) @name) @definition.function
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
(field_definition
  property: (_) @name
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
