(comment) @comment

(class name: (_) @name) @definition.class
(multiclass . (identifier) @name) @definition.class
(def . (value . (identifier) @name .) body: (_)) @definition.object @entry
(defm . (value . (identifier) @name .)) @definition.object @entry
; The records of a short class are part of its chunk.
(multiclass) @scope
