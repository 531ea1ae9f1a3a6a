(comment) @comment
; A specification without its function is a clause of the function below it.
(spec fun: (_) @name) @definition.function @clause
(fun_decl clause: (function_clause name: (_) @name body: (_) @body)) @definition.function @clause
(callback fun: (_) @name) @definition.interface

(module_attribute name: (_) @name) @definition.namespace @level.1
(record_decl name: (_) @name) @definition.struct
[
  (type_alias name: (type_name name: (_) @name))
  (opaque name: (type_name name: (_) @name))
] @definition.interface
(pp_define lhs: (macro_lhs name: (_) @name) replacement: (_) @body) @definition.constant
