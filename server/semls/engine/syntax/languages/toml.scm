(comment) @comment

; Tables of some lines that are not comments; smaller ones stay with their neighbours.
((table . [(bare_key) (quoted_key) (dotted_key)] @name) @definition.object @entry
  (#match? @definition.object "\\n[^#\\n]([\\s\\S]*?\\n[^#\\n]){2}"))
((table_array_element . [(bare_key) (quoted_key) (dotted_key)] @name) @definition.object @entry
  (#match? @definition.object "\\n[^#\\n]([\\s\\S]*?\\n[^#\\n]){4}"))
