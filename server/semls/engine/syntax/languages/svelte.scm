(comment) @comment

(document (script_element (start_tag (tag_name) @name) (raw_text) @body) @definition.module)
(document (style_element (start_tag (tag_name) @name) (raw_text) @body) @definition.module)
