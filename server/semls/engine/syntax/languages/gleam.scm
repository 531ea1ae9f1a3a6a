[(statement_comment) (module_comment) (comment)] @comment
((statement_comment) @documentation (#match? @documentation "^///"))
(attribute) @attribute

(function name: (_) @name) @definition.function
(type_definition (type_name name: (_) @name)) @definition.struct
(type_alias (type_name name: (_) @name)) @definition.interface
(constant name: (_) @name value: (_) @body (#match? @body "(\\n.*){3}")) @definition.constant
