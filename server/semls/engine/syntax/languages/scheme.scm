[(comment) (block_comment)] @comment

; Modules
(list
  . (symbol) @_keyword
  . [(symbol) @name (list (symbol)+ @name)]
  (#any-of? @_keyword "library" "define-library" "module" "module+" "module*")) @definition.module
(program
  (list . (symbol) @_keyword . (list (symbol)+ @name) (#eq? @_keyword "define-module")) @definition.module @level.1)

; Records and classes
(list
  . (symbol) @_keyword
  . [(symbol) @name (list . (symbol) @name)]
  (#any-of? @_keyword "struct" "define-struct" "define-record-type" "define-record")) @definition.struct
(list
  . (symbol) @_keyword
  . (symbol) @name
  (#match? @_keyword "^define-(class|interface)\\*?$")) @definition.class
(list
  . (symbol) @_keyword
  . (symbol) @name
  . (list . (symbol) @_class)
  (#eq? @_keyword "define")
  (#match? @_class "^class\\*?$")) @definition.class

; Functions: (define (add x) …), (define add (lambda (x) …)), (define-syntax swap! …)
(list
  . (symbol) @_keyword
  . [(list . (symbol) @name) (list . (list . (symbol) @name)) (list . (list . (list . (symbol) @name)))]
  (#match? @_keyword "^(define|define[*/-].+|.+/define)$")
  (#not-match? @_keyword "^define(-values|-syntaxes)$")) @definition.function
(list
  . (symbol) @_keyword
  . (symbol) @name
  . (list . (symbol) @_lambda)
  (#match? @_keyword "^define")
  (#match? @_lambda "^(case-)?(lambda\\*?|λ)$")) @definition.function
(list
  . (symbol) @_keyword
  . (symbol) @name
  (#match? @_keyword "^define-(syntax|macro|syntax-rule|generic|test)")) @definition.function
(list
  . (symbol) @_keyword
  . (symbol) @name
  . (_)
  (#match? @_keyword "^define")) @definition.variable
; A test: (test-case "adds" …)
(list
  . (symbol) @_keyword
  . (string) @name
  . (_)
  (#match? @_keyword "^test-(case|suite|group)$")) @definition.function
