; Scripts and styles are parsed in their own languages. The default of scripts depends on the host.
((script_element
  (start_tag
    (attribute
      (attribute_name) @_attribute
      [(attribute_value) @injection.language (quoted_attribute_value (attribute_value) @injection.language)]))
  (raw_text) @injection.content)
  (#match? @_attribute "^(?i:lang)$"))
((script_element
  (start_tag
    (attribute
      (attribute_name) @_attribute
      [(attribute_value) @injection.language (quoted_attribute_value (attribute_value) @injection.language)]))
  (raw_text) @injection.content)
  (#match? @_attribute "^(?i:type)$"))
((style_element
  (start_tag
    (attribute
      (attribute_name) @_attribute
      [(attribute_value) @injection.language (quoted_attribute_value (attribute_value) @injection.language)]))
  (raw_text) @injection.content)
  (#match? @_attribute "^(?i:lang|type)$"))
((style_element (start_tag) @_tag (raw_text) @injection.content)
  (#not-match? @_tag "(?i)\\s(?:lang|type)\\s*=(?!\\s*(?:''|\"\"))")
  (#set! injection.language "css"))
