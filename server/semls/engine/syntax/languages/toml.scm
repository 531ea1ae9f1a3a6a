(comment) @comment

; Tables with several lines other than comments; smaller ones share a chunk with their neighbours.
((table . [(bare_key) (quoted_key) (dotted_key)] @name) @definition.object @entry
  (#match? @definition.object "\\n[^#\\n]([\\s\\S]*?\\n[^#\\n]){2}"))
((table_array_element . [(bare_key) (quoted_key) (dotted_key)] @name) @definition.object @entry
  (#match? @definition.object "\\n[^#\\n]([\\s\\S]*?\\n[^#\\n]){4}"))
