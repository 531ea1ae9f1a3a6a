[(line_comment)] @comment

(extra_defs name: (_) @name metadata: (metadata (str_literal) @doc @body)) @definition.function
(extra_defs name: (_) @name) @definition.function
(def name: (_) @name) @definition.variable
(var name: (_) @name) @definition.variable
