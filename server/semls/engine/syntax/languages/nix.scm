(comment) @comment

(binding attrpath: (_) @name expression: (function_expression body: (_) @body)) @definition.function
; Small values share a chunk with their neighbours.
((binding
  attrpath: (_) @name
  expression: [(attrset_expression) (rec_attrset_expression)] @body) @definition.module @scope
  (#match? @body "(\\n.*){4}"))
((binding attrpath: (_) @name expression: (_) @body) @definition.variable
  (#match? @body "(\\n.*){4}"))
