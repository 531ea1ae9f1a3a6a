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
(property_declaration
  name: (_) @name
  accessors: (accessor_list (accessor_declaration body: (_))) @body) @definition.property
(property_declaration name: (_) @name value: (arrow_expression_clause) @body) @definition.property
(indexer_declaration "this" @name) @definition.property
(local_function_statement name: (_) @name) @definition.function
; The members of a short interface are part of its chunk.
(interface_declaration) @scope
