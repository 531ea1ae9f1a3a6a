(comment) @comment

(function_definition declarator: (function_declarator declarator: (identifier) @name)) @definition.function
(preproc_function_def name: (identifier) @name value: (_) @body) @definition.function
(struct_specifier name: (_) @name body: (_)) @definition.struct
; An interface block: uniform Camera { … } camera;
(declaration (identifier) @name . (field_declaration_list) @body) @definition.struct
