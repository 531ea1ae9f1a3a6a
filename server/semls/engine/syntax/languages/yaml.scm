(comment) @comment

; Documents that have a name, or that are one of several; small ones share a chunk with their neighbours.
((document
  (block_node
    (block_mapping
      (block_mapping_pair
        key: (_) @_metadata
        value: (block_node (block_mapping (block_mapping_pair key: (_) @_name value: (_) @name))))))) @definition.object @scope
  (#eq? @_metadata "metadata")
  (#eq? @_name "name"))
((stream (document) @definition.object @scope @entry . (document)) (#match? @definition.object "(\\n.*){4}"))
((stream (document) . (document) @definition.object @scope @entry) (#match? @definition.object "(\\n.*){4}"))

; The parents of a workflow's jobs and of a composition's services.
((document
  (block_node (block_mapping (block_mapping_pair key: (_) @name value: (block_node) @body) @definition.namespace)))
  (#any-of? @name "jobs" "services"))
(document
  (block_node
    (block_mapping
      (block_mapping_pair
        key: (_) @_holder
        value: (block_node (block_mapping (block_mapping_pair key: (_) @name value: (block_node) @body) @definition.key))))
  (#any-of? @_holder "jobs" "services")))

; Small keys share a chunk with their neighbours.
((document
  (block_node (block_mapping (block_mapping_pair key: (_) @name value: (block_node) @body) @definition.key @entry)))
  (#match? @body "(\\n.*){4}"))
