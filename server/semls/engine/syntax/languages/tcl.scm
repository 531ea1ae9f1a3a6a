(comment) @comment

(namespace (word_list . (simple_word) @_eval . (_) @qualified . (braced_word) @body) (#eq? @_eval "eval")) @definition.module
(procedure name: (_) @qualified body: (_) @body) @definition.function
(command
  name: (simple_word) @_keyword
  arguments: (word_list . (simple_word) @_create . (_) @qualified . (braced_word) @body)
  (#match? @_keyword "(::|^)class$")
  (#eq? @_create "create")) @definition.class
(command
  name: (simple_word) @_keyword
  arguments: (word_list . (_) @qualified . (braced_word) @body .)
  (#match? @_keyword "(::|^)(class|type|widget|widgetadaptor)$")) @definition.class
(command
  name: (simple_word) @_keyword
  arguments: (word_list . (_) @qualified . (_) . (braced_word) @body .)
  (#match? @_keyword "(::|^)(method|typemethod|body)$")) @definition.method
(command
  name: (simple_word) @name
  arguments: (word_list . (_) . (braced_word) @body .)
  (#eq? @name "constructor")) @definition.constructor
; A test: test sum-1.1 {adds} -body { … }
(command
  name: (simple_word) @_keyword
  arguments: (word_list . (simple_word) @name . (_) . (_))
  (#eq? @_keyword "test")) @definition.function
