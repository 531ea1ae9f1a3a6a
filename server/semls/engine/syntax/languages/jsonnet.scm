(comment) @comment

(bind function: (_) @name) @definition.function
(field function: (fieldname (_) @name)) @definition.function
; Tables: objects that take several lines
((field . (fieldname (_) @name) (object) @body) @definition.module @scope
  (#match? @body "(\\n.*){4}"))
