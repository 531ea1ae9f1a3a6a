[(comment_line) (comment_block)] @comment

(module_field_func identifier: (_) @name) @definition.function
