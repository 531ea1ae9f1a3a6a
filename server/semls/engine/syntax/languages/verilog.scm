(comment) @comment

(module_declaration (module_header (simple_identifier) @name)) @definition.module
(interface_declaration (_ (interface_identifier) @name)) @definition.interface
(program_declaration (_ (program_identifier) @name)) @definition.module
(package_declaration (package_identifier) @name) @definition.module
(class_declaration . "class" . (lifetime)? . (class_identifier) @name) @definition.class
(interface_class_declaration (class_identifier) @name) @definition.interface

; A method outside of its class: function void Driver::run();
(function_declaration
  (function_body_declaration
    (function_identifier) @container . (ERROR (class_identifier) @name))) @definition.method
(task_declaration
  (task_body_declaration
    (task_identifier) @container . (ERROR (class_identifier) @name))) @definition.method
(function_declaration
  (function_body_declaration (function_identifier . (function_identifier) @name))) @definition.function
(task_declaration (task_body_declaration (task_identifier . (task_identifier) @name))) @definition.function
(class_constructor_declaration "new" @name . (_)) @definition.constructor
(property_declaration (property_identifier) @name) @definition.function
(sequence_declaration . "sequence" . (_) @name) @definition.function
(covergroup_declaration (covergroup_identifier) @name) @definition.class
(checker_declaration (checker_identifier) @name) @definition.module

(type_declaration (data_type . "enum") . (simple_identifier) @name) @definition.enum
(type_declaration (data_type . (struct_union)) . (simple_identifier) @name) @definition.struct
(type_declaration (data_type) . (simple_identifier) @name) @definition.interface
((text_macro_definition (text_macro_name) @name (macro_text) @body) @definition.function
  (#match? @body "^\\("))
