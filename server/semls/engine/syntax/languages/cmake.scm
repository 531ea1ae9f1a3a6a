[(line_comment) (bracket_comment)] @comment

(function_def (function_command (argument_list . (argument) @name)) (body) @body) @definition.function
(macro_def (macro_command (argument_list . (argument) @name)) (body) @body) @definition.function

; Targets, including those of macros that take the name as NAME.
((normal_command (identifier) @_command (argument_list . (argument) @name)) @definition.object
  (#match? @_command "^(?i:add_(library|executable|custom_target))$")
  (#not-match? @definition.object " ALIAS "))
((normal_command (identifier) @_command (argument_list . (argument) @_keyword . (argument) @name)) @definition.object
  (#eq? @_keyword "NAME"))
