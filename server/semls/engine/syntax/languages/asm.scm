[(line_comment) (block_comment)] @comment

; A routine extends to the next label that is not local.
((label (ident) @name) @definition.function @level.1
  (#match? @name "^[A-Za-z_$?@][\\w$?@]+$"))
