; Without the state: ** TODO Write it
((section headline: (headline item: (item . (expr) @_state . (expr)* @name . (expr) @name .))) @definition.module
  (#any-of? @_state "TODO" "DONE" "NEXT" "STARTED" "WAITING" "HOLD" "CANCELLED" "CANCELED"))
(section headline: (headline item: (item) @name)) @definition.module
