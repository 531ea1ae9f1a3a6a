(comment) @comment

; A target: executable('shop', …)
((normal_command command: (identifier) @_maker . (variableunit (string) @name)) @definition.object @entry
  (#match? @_maker "^(executable|.*_?library|library|custom_target|run_target|jar|shared_module|test|benchmark)$")
  (#match? @definition.object "(\\n.*){2}"))
