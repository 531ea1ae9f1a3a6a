(Comment) @comment

; The children of the outermost element; short ones share a chunk with their neighbours.
((document (element (content (element (STag . (Name) @name) (content) @body) @definition.object @entry)))
  (#match? @body "(\\n.*){4}"))
