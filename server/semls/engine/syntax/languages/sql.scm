[(comment) (marginalia)] @comment
(statement . [(create_table) (create_view) (create_materialized_view) (create_function) (create_trigger)
  (create_type) (create_index) (create_schema) (create_sequence)] @inner) @outer

(create_table (object_reference) @qualified (column_definitions)? @body) @definition.class
(create_view (object_reference) @qualified (create_query)? @body) @definition.class
(create_materialized_view (object_reference) @qualified (create_query)? @body) @definition.class
(create_type (object_reference) @qualified) @definition.struct
(create_function (object_reference) @qualified (function_body) @body) @definition.function
(create_trigger (keyword_trigger) . (object_reference) @qualified) @definition.event
(create_index column: (identifier) @name) @definition.key
(create_schema (identifier) @name) @definition.module
(create_sequence (object_reference) @qualified) @definition.variable
