(comment) @comment

(class_declaration . (identifier) @name) @definition.class
(enum_declaration . (identifier) @name) @definition.enum
(function_declaration . (identifier) @name) @definition.function
(member_declaration "constructor" @name) @definition.constructor
(local_declaration . (identifier) @name . (anonymous_function)) @definition.function
