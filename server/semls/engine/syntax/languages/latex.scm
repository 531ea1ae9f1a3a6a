(line_comment) @comment

[
  (part text: (curly_group . (_)+ @name . (_) @name .))
  (part text: (curly_group . (_) @name .))
  (chapter text: (curly_group . (_)+ @name . (_) @name .))
  (chapter text: (curly_group . (_) @name .))
  (section text: (curly_group . (_)+ @name . (_) @name .))
  (section text: (curly_group . (_) @name .))
  (subsection text: (curly_group . (_)+ @name . (_) @name .))
  (subsection text: (curly_group . (_) @name .))
  (subsubsection text: (curly_group . (_)+ @name . (_) @name .))
  (subsubsection text: (curly_group . (_) @name .))
] @definition.module

(new_command_definition declaration: (_ command: (_) @name)) @definition.function @entry
(environment_definition name: (_ text: (_) @name)) @definition.function
; A theorem with a title: \begin{theorem}[Euler], and a slide: \begin{frame}{Results}
(generic_environment
  begin: (begin name: (curly_group_text text: (_) @_environment) options: (brack_group . (_) @name))
  (#any-of? @_environment "theorem" "lemma" "proposition" "corollary" "definition" "example" "remark" "algorithm"))
  @definition.object
(generic_environment
  begin: (begin name: (curly_group_text text: (_) @_environment))
  . (curly_group . (_) @name)
  (#eq? @_environment "frame")) @definition.module
