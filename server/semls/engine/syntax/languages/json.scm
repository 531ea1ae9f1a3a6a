(comment) @comment

; A small file is one chunk, and small values share a chunk with their neighbours.
((document) @scope (#not-match? @scope "[\\s\\S]{1000}"))
((document
  (object
    (pair
      key: (string . (string_content) @name)
      value: [(object) (array)] @body) @definition.key @entry))
  (#match? @body "(\\n.*){5}|.{300}"))
