(comment) @comment

; A block is named as in expressions: aws_s3_bucket.logs with two labels, module.vpc with one.
((block . (identifier) @_type (string_lit (template_literal) @container) . (string_lit (template_literal) @name) . (block_start))
  @definition.object @scope)
((block . (identifier) @container . (string_lit (template_literal) @name) . (block_start)) @definition.object @scope)
((config_file (body (block . (identifier) @name . (block_start)) @definition.object @scope)))
