(comment) @comment

(message (message_name) @name (message_body) @body) @definition.class
(enum (enum_name) @name (enum_body) @body) @definition.enum
(service (service_name) @name) @definition.interface
(rpc (rpc_name) @name) @definition.method
(extend (full_ident) @name (message_body) @body) @definition.class
; The members of a short message or service are part of its chunk.
(message) @scope
(service) @scope
