(comment) @comment

(class_directive (class_identifier . (identifier)* . (identifier) @name .)) @definition.class @level.1
(method_definition (method_signature . (method_identifier) @name)) @definition.method
