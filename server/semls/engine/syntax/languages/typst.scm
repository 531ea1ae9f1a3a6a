(comment) @comment

(section (heading (_)+ @name)) @definition.module
(let pattern: (call item: (_) @name)) @definition.function
