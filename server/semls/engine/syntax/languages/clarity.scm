(comment) @comment

(function_definition (_ (function_signature . (identifier) @name))) @definition.function
(mapping_definition . (identifier) @name) @definition.variable
(trait_definition (identifier) @name) @definition.interface
