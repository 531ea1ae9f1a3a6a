(Comment) @comment

; What lies in the outermost element; short elements stay with their neighbours.
((document (element (content (element (STag . (Name) @name) (content) @body) @definition.object @entry)))
  (#match? @body "(\\n.*){4}"))
