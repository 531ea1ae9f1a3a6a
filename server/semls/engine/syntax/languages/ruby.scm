(comment) @comment

(class name: (_) @qualified) @definition.class
(module name: (_) @qualified) @definition.module
(singleton_method name: (_) @name) @definition.method
(module body: (_ (method name: (_) @name) @definition.method))
(singleton_class body: (_) @body) @definition.namespace
(singleton_class body: (_ (method name: (_) @name) @definition.method))
(method name: (_) @name) @definition.function

; Tables: values that take several lines
(assignment left: (constant) @name right: (_) @body (#match? @body "(\\n.*){3}")) @definition.constant
