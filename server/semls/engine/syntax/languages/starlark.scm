(comment) @comment
(function_definition body: (block . (expression_statement . (string) @doc)))

(function_definition name: (_) @name) @definition.function
; Rules and providers: image = rule(…)
(module
  (expression_statement
    (assignment left: (identifier) @name right: (call function: (identifier) @_maker) @body) @definition.class)
  (#match? @_maker "^(rule|repository_rule|provider|aspect|macro|module_extension|tag_class|transition)$"))
; Targets: cc_library(name = "shop", …)
(module
  (expression_statement
    (call
      arguments: (argument_list
        (keyword_argument name: (identifier) @_name value: (string) @name)))) @definition.object @entry
  (#eq? @_name "name"))
(module
  (expression_statement
    (assignment left: (identifier) @name right: (_) @body (#match? @body "(\\n.*){3}")) @definition.constant))
