(comment) @comment
((comment) @documentation (#match? @documentation "^(///|\\{\\*\\*)"))

(unit (moduleName) @qualified) @definition.namespace
(program (moduleName) @name) @definition.namespace
(library (moduleName) @name) @definition.namespace

(declType name: [(identifier) @name (genericTpl entity: (_) @name)] type: (declClass (kRecord))) @definition.struct
(declType name: [(identifier) @name (genericTpl entity: (_) @name)] type: (declClass)) @definition.class
(declType name: [(identifier) @name (genericTpl entity: (_) @name)] type: (declIntf)) @definition.interface
(declType name: [(identifier) @name (genericTpl entity: (_) @name)] type: (type (declEnum))) @definition.enum
(declType name: [(identifier) @name (genericTpl entity: (_) @name)] type: (declHelper)) @definition.class
(declType name: [(identifier) @name (genericTpl entity: (_) @name)]) @definition.interface
; The declarations in a short class are part of its chunk, and so are declarations before the implementation.
[(declClass) (declIntf)] @scope
(declClass (declSection (declProc name: [(identifier) @name (genericTpl entity: (_) @name)]) @definition.method))
(declClass (declProc name: [(identifier) @name (genericTpl entity: (_) @name)]) @definition.method)
(declIntf (declProc name: [(identifier) @name (genericTpl entity: (_) @name)]) @definition.method)
(declProp name: (_) @name) @definition.property

(defProc header: (declProc name: [(identifier) @name (operatorName) @name (genericTpl entity: (_) @name)]) . (_) @body) @definition.function
(defProc header: (declProc name: (genericDot) @qualified) . (_) @body) @definition.function
((declConst name: (_) @name) @definition.constant (#match? @definition.constant "(\\n.*){3}"))
