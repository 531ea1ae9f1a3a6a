(comment) @comment

; A target: source_set("shop") { … }
((primary_expression (call_expression . (identifier) . (primary_expression (string (string_content) @name)))) @definition.object
  . (primary_expression (block)) @body)
