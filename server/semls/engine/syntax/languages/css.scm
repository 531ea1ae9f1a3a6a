(comment) @comment
(js_comment) @comment

; Rules of several lines; shorter ones share a chunk with their neighbours.
((rule_set (selectors . (_) @name) (block) @body) @definition.class @scope
  (#match? @definition.class "(\\n.*){4}|.{150}"))

((media_statement . (_) @name (block) @body) @definition.module @scope
  (#match? @definition.module "(\\n.*){3}|.{150}"))
((supports_statement . (_) @name (block) @body) @definition.module @scope
  (#match? @definition.module "(\\n.*){3}|.{150}"))
((at_rule (at_keyword) . (_) @name . (block) @body) @definition.module @scope
  (#match? @definition.module "(\\n.*){3}|.{150}"))
((at_rule (at_keyword) @name . (block) @body) @definition.module @scope
  (#match? @definition.module "(\\n.*){3}|.{150}"))

(keyframes_statement (keyframes_name) @name (keyframe_block_list) @body) @definition.function
