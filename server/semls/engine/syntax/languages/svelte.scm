; inherits: markup
(comment) @comment

(document (script_element (start_tag (tag_name) @name) (raw_text) @body) @definition.module)
(document (style_element (start_tag (tag_name) @name) (raw_text) @body) @definition.module)

((script_element (start_tag) @_tag (raw_text) @injection.content)
  (#not-match? @_tag "(?i)\\s(?:lang|type)\\s*=(?!\\s*(?:''|\"\"))")
  (#set! injection.language "javascript"))

(snippet_statement (snippet_start_expr (snippet_name) @name)) @definition.function
; The grammar does not know elements without an end tag, such as <img>.
(ERROR (snippet_start_expr (snippet_name) @name) @definition.function)
