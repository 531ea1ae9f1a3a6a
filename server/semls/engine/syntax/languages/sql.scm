[(comment) (marginalia)] @comment
(statement . [(create_table) (create_view) (create_materialized_view) (create_function) (create_trigger)
  (create_type) (create_index) (create_schema) (create_sequence)] @inner) @outer

; The name is right after the keyword; types and other tables follow.
(create_table (keyword_table) . [(keyword_if) (keyword_not) (keyword_exists)]* . (object_reference) @qualified
  (column_definitions)? @body) @definition.class
(create_view (keyword_view) . [(keyword_if) (keyword_not) (keyword_exists)]* . (object_reference) @qualified
  (create_query)? @body) @definition.class
(create_materialized_view
  (keyword_view) . [(keyword_if) (keyword_not) (keyword_exists)]* . (object_reference) @qualified
  (create_query)? @body) @definition.class
(create_type (keyword_type) . (object_reference) @qualified) @definition.struct
((create_function (keyword_function) . (object_reference) @qualified (function_body) @body) @definition.function
  (#not-match? @qualified "^[Ii][Ff][ \\t]"))
(create_trigger (keyword_trigger) . (object_reference) @qualified) @definition.event
(create_index column: (identifier) @name) @definition.key
(create_schema (identifier) @name) @definition.module
(create_sequence
  (keyword_sequence) . [(keyword_if) (keyword_not) (keyword_exists)]* . (object_reference) @qualified) @definition.variable
