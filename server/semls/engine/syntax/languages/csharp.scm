(comment) @comment
((comment) @documentation (#match? @documentation "^(/\\*\\*[^*/]|///([^/]|$))"))

(file_scoped_namespace_declaration name: (_) @qualified) @definition.namespace @level.1
(namespace_declaration name: (_) @qualified) @definition.namespace

(class_declaration name: (_) @name) @definition.class
(record_declaration name: (_) @name) @definition.class
(struct_declaration name: (_) @name) @definition.struct
(interface_declaration name: (_) @name) @definition.interface
(enum_declaration name: (_) @name) @definition.enum

(constructor_declaration name: (_) @name) @definition.constructor
(destructor_declaration name: (_) @name) @definition.method
(method_declaration name: (_) @name) @definition.method
(operator_declaration operator: _ @name) @definition.operator
(property_declaration name: (_) @name accessors: (_) @body) @definition.property
(property_declaration name: (_) @name value: (arrow_expression_clause) @body) @definition.property
(indexer_declaration "this" @name) @definition.property
(event_declaration name: (_) @name) @definition.event
(event_field_declaration (variable_declaration . (_) . (variable_declarator . name: (_) @name))) @definition.event
(delegate_declaration name: (_) @name) @definition.interface
((field_declaration (modifier) @_const (variable_declaration . (_) . (variable_declarator . name: (_) @name))) @definition.constant
  (#eq? @_const "const"))
; Functions that are assigned
(field_declaration
  (variable_declaration
    (variable_declarator . name: (identifier) @name (lambda_expression body: (_) @body)))) @definition.method
(global_statement
  (local_declaration_statement
    (variable_declaration
      (variable_declarator . name: (identifier) @name (lambda_expression body: (_) @body))))) @definition.function
; Routes and tasks: app.MapGet("/carts", () => { … }), Task("Build").Does(() => { … })
(invocation_expression
  function: (member_access_expression name: (identifier) @_call)
  arguments: (argument_list
    . (argument (string_literal) @name)
    (argument (lambda_expression body: (_) @body)))
  (#match? @_call "^(Map(Get|Post|Put|Delete|Patch|Methods)?|Get|Post|Put|Delete|Patch|Command)$")) @definition.function
(invocation_expression
  function: (member_access_expression
    expression: (invocation_expression
      function: (identifier) @_call
      arguments: (argument_list . (argument (string_literal) @name))))
  arguments: (argument_list (argument (lambda_expression body: (block) @body)))
  (#eq? @_call "Task")) @definition.function

; Tables: values that take several lines
(field_declaration
  (variable_declaration . (_) . (variable_declarator . name: (_) @name (_) @body .))
  (#match? @body "(\\n.*){3}")) @definition.constant
(local_function_statement name: (_) @name) @definition.function
; The members of a short interface are part of its chunk.
(interface_declaration) @scope
; So are the properties of a short type that has nothing else.
[
  (class_declaration body: (declaration_list . "{" . [(property_declaration) (comment)]+ . "}"))
  (record_declaration body: (declaration_list . "{" . [(property_declaration) (comment)]+ . "}"))
  (struct_declaration body: (declaration_list . "{" . [(property_declaration) (comment)]+ . "}"))
] @scope
