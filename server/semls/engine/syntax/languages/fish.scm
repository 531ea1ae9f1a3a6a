(comment) @comment

(function_definition name: (_) @name) @definition.function
(command
  name: (word) @_keyword
  . argument: (word) @name
  . argument: (_)
  (#eq? @_keyword "alias")) @definition.function
