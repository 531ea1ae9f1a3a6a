(comment) @comment
((comment) @documentation (#match? @documentation "^![>!]"))
; Documentation right below a definition.
((comment) @clause (#match? @clause "^!<"))

(module . (module_statement (name) @name)) @definition.module
(submodule . (submodule_statement (name) @name .)) @definition.module
(program . (program_statement (name) @name)) @definition.module
(block_data . (block_data_statement (name) @name)) @definition.module
(subroutine . (subroutine_statement name: (_) @name) . (_)? @body) @definition.function
(function . (function_statement name: (_) @name) . (_)? @body) @definition.function
(module_procedure . (module_procedure_statement name: (_) @name)) @definition.function
(derived_type_definition . (derived_type_statement (type_name) @name)) @definition.struct
(interface . (interface_statement [(name) (operator) (assignment)] @name)) @definition.interface
