(comment) @comment

(entry key: (_) @name) @definition.object @entry
