[(comment)] @comment
(method exemplarname: (_) @container name: (_) @name) @definition.method
