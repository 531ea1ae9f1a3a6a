(comment) @comment

(fn name: (_) @qualified docstring: (_) @doc @body) @definition.function
(fn name: (_) @qualified) @definition.function
(lambda name: (_) @qualified docstring: (_) @doc @body) @definition.function
(lambda name: (_) @qualified) @definition.function
(list . (symbol) @_keyword . (symbol) @name (#eq? @_keyword "macro")) @definition.function
