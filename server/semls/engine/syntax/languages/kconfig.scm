(comment) @comment

(menu name: (_) @name) @definition.module
(config name: (_) @name) @definition.key
(menuconfig name: (_) @name) @definition.key
