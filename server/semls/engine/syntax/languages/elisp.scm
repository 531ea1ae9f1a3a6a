(comment) @comment

(function_definition name: (_) @name docstring: (_) @doc @body) @definition.function
(function_definition name: (_) @name) @definition.function
(macro_definition name: (_) @name docstring: (_) @doc @body) @definition.function
(macro_definition name: (_) @name) @definition.function
(special_form . ["defvar" "defconst"] . (symbol) @name . (_)? . (string)? @doc @body) @definition.variable

(list
  . (symbol) @_keyword
  . [(symbol) @name (list . (symbol) @name)]
  (#match? @_keyword "^(cl-)?def(struct|class|type|ine-condition)$")) @definition.struct
(list
  . (symbol) @_keyword
  . (symbol) @name
  . (_)
  . (string)? @doc @body
  (#match? @_keyword "^def(custom|face|var-local|group)$")) @definition.variable
; Also the macros of libraries: cl-defun, ert-deftest, define-minor-mode
(list
  . (symbol) @_keyword
  . [(symbol) @name (quote (symbol) @name)]
  (#match? @_keyword "^(\\w+-)*(def(un|macro|subst|method|generic|advice|alias|test|hydra|ine)\\*?|define-(?!key)[\\w-]+)$"))
  @definition.function
(list . (symbol) @_keyword . (symbol) @name (#eq? @_keyword "use-package")) @definition.module
