(comment) @comment

; A stage extends to the next one.
(from_instruction as: (image_alias) @name) @definition.module @level.1
(from_instruction (image_spec name: (_) @name)) @definition.module @level.1
