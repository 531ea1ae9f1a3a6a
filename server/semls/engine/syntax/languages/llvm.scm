(comment) @comment

(fn_define (function_header name: (_) @name)) @definition.function
