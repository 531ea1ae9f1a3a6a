(comment) @comment

; Sections of several lines; shorter ones share a chunk with their neighbours.
((section (section_name (text) @name)) @definition.module @entry
  (#match? @definition.module "(\\n.*){3}"))
