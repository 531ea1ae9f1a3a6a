(comment) @comment
((rule (targets . (word) @_name)) @attribute (#eq? @_name ".PHONY"))

; Rules that have a recipe or a plain name; lists of dependencies share a chunk.
(rule (targets . (_) @name) (recipe)) @definition.function
((rule (targets . (word) @name)) @definition.function (#match? @name "^[A-Za-z][\\w-]*$"))
(define_directive name: (_) @name) @definition.function
