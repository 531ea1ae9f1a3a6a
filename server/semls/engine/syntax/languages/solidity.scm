(comment) @comment
((comment) @documentation (#match? @documentation "^(/\\*\\*[^*/]|///([^/]|$))"))

(contract_declaration name: (_) @name) @definition.class
(library_declaration name: (_) @name) @definition.class
(interface_declaration name: (_) @name) @definition.interface
; The members of a short interface are part of its chunk.
(interface_declaration) @scope

(struct_declaration name: (_) @name) @definition.struct
(enum_declaration name: (_) @name) @definition.enum
(event_definition name: (_) @name) @definition.event
(error_declaration name: (_) @name) @definition.event
(user_defined_type_definition name: (_) @name) @definition.interface
(modifier_definition name: (_) @name) @definition.method
(constructor_definition "constructor" @name) @definition.constructor
(fallback_receive_definition ["fallback" "receive"] @name) @definition.method
(function_definition name: (_) @name) @definition.function
(constant_variable_declaration name: (_) @name) @definition.constant
(state_variable_declaration "constant" name: (_) @name) @definition.constant
