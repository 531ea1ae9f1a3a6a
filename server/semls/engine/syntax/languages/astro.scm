; inherits: markup
(comment) @comment

(frontmatter (frontmatter_js_block) @body) @definition.module
(document (script_element (start_tag (tag_name) @name) (raw_text) @body) @definition.module)
(document (style_element (start_tag (tag_name) @name) (raw_text) @body) @definition.module)

((script_element (start_tag) @_tag (raw_text) @injection.content)
  (#not-match? @_tag "(?i)\\s(?:lang|type)\\s*=(?!\\s*(?:''|\"\"))")
  (#set! injection.language "typescript"))
((frontmatter_js_block) @injection.content (#set! injection.language "typescript"))
