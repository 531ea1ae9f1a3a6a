(comment) @comment

(module . (package) . (ref) @qualified @definition.namespace @level.1)
; Rules with the same name are clauses of one definition.
(rule (rule_head . (var) @name)) @definition.function @clause
