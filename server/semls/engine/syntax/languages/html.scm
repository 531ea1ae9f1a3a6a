; inherits: markup
(comment) @comment

; A heading extends to the next one of the same or a higher rank.
((element . (start_tag . (tag_name) @_tag)) @definition.module @title @level.1 (#any-of? @_tag "h1" "H1"))
((element . (start_tag . (tag_name) @_tag)) @definition.module @title @level.2 (#any-of? @_tag "h2" "H2"))
((element . (start_tag . (tag_name) @_tag)) @definition.module @title @level.3 (#any-of? @_tag "h3" "H3"))
((element . (start_tag . (tag_name) @_tag)) @definition.module @title @level.4 (#any-of? @_tag "h4" "H4"))
((element . (start_tag . (tag_name) @_tag)) @definition.module @title @level.5 (#any-of? @_tag "h5" "H5"))
((element . (start_tag . (tag_name) @_tag)) @definition.module @title @level.6 (#any-of? @_tag "h6" "H6"))

; Elements with an id, a name or a landmark tag, most of them only if they are long.
((element
  . (start_tag
    (attribute
      . (attribute_name) @_attribute
      . [(attribute_value) @name (quoted_attribute_value (attribute_value) @name)] .))) @definition.object @scope
  (#eq? @_attribute "id")
  (#match? @definition.object "(\\n.*){5}|.{300}"))
((element
  . (start_tag
    . (tag_name) @_tag
    (attribute
      . (attribute_name) @_attribute
      . [(attribute_value) @name (quoted_attribute_value (attribute_value) @name)] .))) @definition.object @scope
  (#any-of? @_tag "form" "section" "nav" "dialog" "fieldset" "template")
  (#any-of? @_attribute "name" "aria-label"))
((element . (start_tag . (tag_name) @name)) @definition.object @scope
  (#any-of? @name "form" "nav" "header" "footer" "aside")
  (#match? @definition.object "(\\n.*){5}|.{300}"))

((script_element (start_tag (tag_name) @name) (raw_text) @body) @definition.module
  (#match? @body "(\\n.*){5}|.{300}"))
((style_element (start_tag (tag_name) @name) (raw_text) @body) @definition.module
  (#match? @body "(\\n.*){5}|.{300}"))

; Scripts of ASP.NET are parsed in C#.
((script_element (start_tag) @_tag (raw_text) @injection.content)
  (#match? @_tag "(?i)\\srunat\\s*=")
  (#set! injection.language "csharp"))
((script_element (start_tag) @_tag (raw_text) @injection.content)
  (#not-match? @_tag "(?i)\\s(?:lang|type)\\s*=(?!\\s*(?:''|\"\"))")
  (#set! injection.language "javascript"))
