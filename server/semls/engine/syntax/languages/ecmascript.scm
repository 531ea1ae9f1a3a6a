; Definitions that JavaScript and TypeScript share, and that come before their own
;
; A node with the field `property` is a member_expression, one with the field `function` a call_expression. Here
; they are `(_ …)` below the root of a pattern: each named node with children costs milliseconds at start-up.

; A function around a whole file is not a scope: (function () { … })(), UMD, define([…], function () { … }).
(program
  (expression_statement [
    (_ function: [(parenthesized_expression (_) @module) (function_expression) @module])
    (_ (_ function: [(parenthesized_expression (_) @module) (function_expression) @module]))
  ]))
(program
  (expression_statement [
    (_
      function: [(parenthesized_expression [(function_expression) (arrow_function)]) (function_expression)]
      arguments: (arguments [(function_expression) (arrow_function)] @module))
    (_
      (_
        function: (function_expression)
        arguments: (arguments [(function_expression) (arrow_function)] @module)))
  ]))
((call_expression
  function: [(identifier) @_wrapper (_ property: (property_identifier) @_wrapper)]
  arguments: (arguments [(function_expression) (arrow_function)] @module))
  (#any-of? @_wrapper "define" "require" "requirejs" "jQuery" "$" "ready" "onReady" "register" "scope"))
((call_expression
  function: (_ property: (property_identifier) @_call)
  arguments: (arguments . (string) @_event [(function_expression) (arrow_function)] @module))
  (#eq? @_call "addEventListener")
  (#match? @_event "^.(DOMContentLoaded|load|ready|deviceready).$"))

; A module whose function returns its members: var cart = (function () { … })()
(variable_declarator
  name: (identifier) @name
  value: (_ function: (parenthesized_expression (function_expression) @module @function))) @definition.module
(assignment_expression
  left: (_ property: (property_identifier) @name)
  right: (_ function: (parenthesized_expression (function_expression) @module @function))) @definition.module

; Blocks that the parser takes for objects
(member_expression object: (object) @scope)
(expression_statement (object) @scope)

; The function or class that a module exports has its own name, also if a call wraps it.
((assignment_expression
  left: [(identifier) @_exports (_ object: (identifier) property: (property_identifier) @_exports)]
  right: [
    (function_expression name: (identifier) @name) @function
    (generator_function name: (identifier) @name) @function
    (_ arguments: (arguments . (function_expression name: (identifier) @name) @function))
  ]) @definition.function
  (#eq? @_exports "exports"))
(export_statement
  value: (_ arguments: (arguments . (function_expression name: (identifier) @name) @function))) @definition.function
((assignment_expression
  left: (_ object: (_) @_exports property: (property_identifier) @name)
  right: (_
    arguments: (arguments
      . [(arrow_function body: (statement_block)) (function_expression)] @function))) @definition.function
  (#match? @_exports "^(module\\.)?exports$"))
((assignment_expression
  left: [(identifier) @_exports (_ object: (identifier) property: (property_identifier) @_exports)]
  right: (class name: (_) @name body: (_) @body)) @definition.class
  (#eq? @_exports "exports"))
(assignment_expression
  left: (_ property: (property_identifier) @name)
  right: (class body: (_) @body)) @definition.class
(class name: (_) @name body: (_) @body) @definition.class

; Classes that a call makes of an object: App.Login = Backbone.View.extend({ … }), Ext.define("App.Login", { … })
([
  (assignment_expression
    left: [(identifier) @name (_ property: (property_identifier) @name)]
    right: (_
      function: [(identifier) @_make (_ property: (property_identifier) @_make)]
      arguments: (arguments (object) @body .)))
  (variable_declarator
    name: (identifier) @name
    value: (_
      function: [(identifier) @_make (_ property: (property_identifier) @_make)]
      arguments: (arguments (object) @body .)))
] @definition.class
  (#any-of? @_make "extend" "createClass" "declare" "defineClass"))
((call_expression
  function: [(identifier) @_make (_ property: (property_identifier) @_make)]
  arguments: (arguments . (string (_) @qualified) [(object) (class body: (_))] @body .)) @definition.class
  (#any-of? @_make
    "define" "declare" "extend" "component" "widget" "registerComponent" "registerBlockType" "registerClass"))

; Objects of functions that a call receives: const slice = createSlice({ reducers: { add(state) {} } })
(variable_declarator
  name: (identifier) @name
  value: (_
    arguments: (arguments
      (object [
        (method_definition)
        (pair value: (function_expression))
        (pair value: (object [(method_definition) (pair value: [(function_expression) (arrow_function)])]))
      ]) @body .))) @definition.object
((variable_declarator
  value: (_
    arguments: (arguments
      (object
        (pair
          key: (property_identifier) @_option
          value: (object
            (pair
              key: [(property_identifier) (string)] @name
              value: [(arrow_function) (function_expression)] @function) @definition.method))))))
  (#any-of? @_option
    "reducers" "methods" "computed" "watch" "actions" "getters" "mutations" "resolvers" "Query" "Mutation"))

; Procedures of tRPC, and functions that a call changes: router({ user: procedure.query(() => …) })
((variable_declarator
  name: (identifier) @name
  value: (_
    arguments: (arguments
      (object
        (pair
          value: (_
            function: (_ property: (property_identifier) @_call)
            arguments: (arguments . [(arrow_function) (function_expression)])))) @body .))) @definition.object
  (#any-of? @_call "query" "mutation" "subscription"))
((pair
  key: (property_identifier) @name
  value: (_
    function: [(identifier) @_call (_ property: (property_identifier) @_call)]
    arguments: (arguments . [(arrow_function) (function_expression)] @function))) @definition.method @member
  (#any-of? @_call "query" "mutation" "subscription" "debounce" "throttle" "memoize"))

; Members of a prototype
((assignment_expression
  left: (_ object: (_) @container property: (property_identifier) @_prototype)
  right: (object [
    (method_definition name: (_) @name)
    (pair key: (property_identifier) @name value: [(function_expression) (arrow_function)] @function)
  ] @definition.method))
  (#eq? @_prototype "prototype"))
((call_expression
  arguments: (arguments
    . (_ object: (_) @container property: (property_identifier) @_prototype)
    . (object [
      (method_definition name: (_) @name)
      (pair key: (property_identifier) @name value: [(function_expression) (arrow_function)] @function)
    ] @definition.method)))
  (#eq? @_prototype "prototype"))

; Groups of tests, and modules: describe("cart", () => { … }), define("cart", ["shop"], function (shop) { … })
((call_expression
  function: [
    (identifier) @_call
    (_ object: (identifier) @_call)
    (_ property: (property_identifier) @_call)
    (_ function: (_ object: (identifier) @_call))
  ]
  arguments: (arguments
    . [(string) (template_string)] @name
    [(arrow_function) (function_expression)] @function @module)) @definition.module
  (#match? @_call "^([fx]?(describe|context|suite)|define|module)$"))

; Tests, steps, tasks and hooks: it("adds", () => { … }), Given(/^a cart$/, () => { … }), beforeEach(() => { … })
((call_expression
  function: [
    (identifier) @_call
    (_ object: (identifier) @_call)
    (_ property: (property_identifier) @_call)
    (_ function: (_ object: (identifier) @_call))
  ]
  arguments: (arguments
    . [(string) @name (template_string) @name (regex pattern: (_) @name)]
    [(arrow_function) (function_expression)] @function)) @definition.function
  (#match? @_call "^([fx]?(it|test|specify)|task|bench|scenario|Given|When|Then|And|But|defineStep)$"))
((call_expression
  function: (identifier) @name
  arguments: (arguments
    . [(arrow_function body: (statement_block)) (function_expression)] @function)) @definition.function
  (#match? @name "^(before|after|setup|teardown)(Each|All)?$"))

; Routes: router.get("/orders/:id", async (request, response) => { … })
((call_expression
  function: (_ property: (property_identifier) @_call)
  arguments: (arguments
    . [(string) (template_string)] @name
    [(arrow_function body: (statement_block)) (function_expression)] @function)) @definition.function
  (#match? @_call "^(get|post|put|patch|delete|del|all|use|head|options|route|ws)$")
  (#match? @name "^.[/*]"))

; AngularJS: app.controller("Cart", ["$scope", function ($scope) { … }])
((call_expression
  function: (_ property: (property_identifier) @_call)
  arguments: (arguments
    . (string) @name
    . [
      [(function_expression) (arrow_function)] @function
      (array [(function_expression) (arrow_function)] @function .)
    ] .)) @definition.function
  (#any-of? @_call "controller" "service" "factory" "directive" "filter" "provider" "animation" "decorator"))

; Any other call outside of functions with a name and a function: gulp.task("build", () => { … })
((expression_statement
  (_
    function: [(identifier) @_call (_ property: (property_identifier) @_call)]
    arguments: (arguments
      . [(string) (template_string)] @name
      [(arrow_function body: (statement_block)) (function_expression)] @function)) @definition.function @member)
  (#not-match? @_call "^(addEventListener|on)$"))

(comment) @comment
((comment) @documentation (#match? @documentation "^/\\*\\*[^*/]"))
(decorator) @attribute

(export_statement declaration: (_) @inner) @outer
(export_statement value: (_) @inner) @outer
(lexical_declaration . (variable_declarator) @inner .) @outer
(variable_declaration . (variable_declarator) @inner .) @outer
(expression_statement . (assignment_expression) @inner .) @outer
(assignment_expression right: (assignment_expression) @inner) @outer

(arrow_function) @scope
(function_expression) @scope

(class_declaration name: (_) @name) @definition.class
(export_statement "default" @name value: (class) @definition.class)
(variable_declarator name: (identifier) @name value: (class body: (_) @body)) @definition.class

(method_definition name: (property_identifier) @name (#eq? @name "constructor")) @definition.constructor
(generator_function_declaration name: (identifier) @name) @definition.function
(export_statement
  "default" @name
  value: [(arrow_function) (function_expression) (generator_function)] @definition.function)
(variable_declarator
  name: (identifier) @name
  value: [(arrow_function) (function_expression) (generator_function)] @function) @definition.function

(assignment_expression
  left: (_
    object: (_ object: (_) @container property: (property_identifier) @_prototype)
    property: (property_identifier) @name)
  right: [(arrow_function) (function_expression)] @function
  (#eq? @_prototype "prototype")) @definition.method
(assignment_expression
  left: (_ property: (property_identifier) @name)
  right: [(arrow_function) (function_expression) (generator_function)] @function) @definition.function

; Objects of functions: const api = { load() {}, save: () => {} }, const resolvers = { Query: { user: () => … } }
(variable_declarator
  name: (identifier) @name
  value: (object [
    (method_definition)
    (pair value: [(arrow_function) (function_expression)])
    (pair value: (object [(method_definition) (pair value: [(arrow_function) (function_expression)])]))
  ]) @body) @definition.object
(variable_declarator
  value: (object
    (pair
      key: (property_identifier) @name
      value: (object [(method_definition) (pair value: [(arrow_function) (function_expression)])]) @body)
    @definition.object))
(variable_declarator
  value: (object
    (pair
      value: (object [
        (method_definition name: (_) @name)
        (pair
          key: [(property_identifier) (string)] @name
          value: [(arrow_function) (function_expression)] @function)
      ] @definition.method))))
(program [
  (_ (variable_declarator value: (object (method_definition name: (_) @name) @definition.method)))
  (export_statement (_ (variable_declarator value: (object (method_definition name: (_) @name) @definition.method))))
  (export_statement value: (object (method_definition name: (_) @name) @definition.method))
  (expression_statement (assignment_expression right: (object (method_definition name: (_) @name) @definition.method)))
])
(variable_declarator
  value: (object
    (pair
      key: (property_identifier) @name
      value: [(arrow_function) (function_expression)] @function) @definition.method))

; Components: export default { methods: { load() {} } }, defineComponent({ … }), new Vue({ … })
(export_statement
  value: [
    (object
      (pair
        value: (object [
          (method_definition name: (_) @name)
          (pair
            key: [(property_identifier) (string)] @name
            value: [(arrow_function) (function_expression)] @function)
        ] @definition.method)))
    (_
      arguments: (arguments
        (object [
          (method_definition name: (_) @name) @definition.method
          (pair
            value: (object [
              (method_definition name: (_) @name)
              (pair
                key: [(property_identifier) (string)] @name
                value: [(arrow_function) (function_expression)] @function)
            ] @definition.method))
        ])))
  ])
(program
  (expression_statement
    (_
      arguments: (arguments
        (object
          (pair
            value: (object [
              (method_definition name: (_) @name)
              (pair
                key: [(property_identifier) (string)] @name
                value: [(arrow_function) (function_expression)] @function)
            ] @definition.method)))))))

; Functions that are passed to a call: const Row = memo(() => { … })
(variable_declarator
  name: (identifier) @name
  value: (_
    function: (_)
    arguments: (arguments
      . [(arrow_function body: (statement_block)) (function_expression)] @function))) @definition.variable

; Calls that make a function or component, also short ones: const Row = memo(Base), const Title = styled.h1`…`
((variable_declarator
  name: (identifier) @name
  value: [(_ function: (_) @_make) (_ left: (_ left: (_) @_make))]) @definition.constant @member
  (#match? @_make "^(styled\\b|create\\b(?![.\\w])|(\\w+\\.)?(memo|forwardRef|lazy|observer|debounce|throttle|memoize|defineComponent|defineStore|create(Selector|AsyncThunk|Action|Reducer|Slice|Context|Store|GlobalStyle))$)"))

; Tables, schemas, stores: values that take several lines at the top level
(program [
  (_ (variable_declarator name: (identifier) @name value: (_) @body) @definition.constant)
  (export_statement (_ (variable_declarator name: (identifier) @name value: (_) @body) @definition.constant))
] (#match? @body "(\\n.*){3}"))

; Accessors and resolvers have the name of their property: count: { get() { … }, set(value) { … } }
((pair
  key: (property_identifier) @name
  value: (object [
    (method_definition name: (_) @_role)
    (pair key: (_) @_role value: [(arrow_function) (function_expression)])
  ]) @body) @definition.method @member
  (#any-of? @_role "get" "set" "resolve" "subscribe" "reducer"))

; Functions in any other object outside of functions: module.exports = { … }, createSlice({ reducers: { … } })
(object [
  (method_definition name: (_) @name)
  (pair
    key: [(property_identifier) (string)] @name
    value: [(arrow_function body: (statement_block)) (function_expression)] @function)
] @definition.method @member)
(assignment_expression
  right: (object
    (pair key: (property_identifier) @name value: (arrow_function) @function) @definition.method @member))

; Templates in other languages: GraphQL and SQL, and longer ones of CSS and HTML
((call_expression function: (_) @_tag arguments: (template_string) @injection.content)
  (#any-of? @_tag "gql" "graphql")
  (#set! injection.language "graphql"))
((call_expression function: (_) @_tag arguments: (template_string) @injection.content)
  (#match? @_tag "^(?:\\w+\\.)?(?:sql|SQL)$")
  (#set! injection.language "sql"))
((call_expression function: (_) @_tag arguments: (template_string) @injection.content)
  (#match? @_tag "^(?:css|keyframes|createGlobalStyle|injectGlobal|styled\\b[^`]*)$")
  (#match? @injection.content "(?s).{2000}")
  (#set! injection.language "scss"))
((call_expression function: (_) @_tag arguments: (template_string) @injection.content)
  (#match? @_tag "^(?:html|svg)$")
  (#match? @injection.content "(?s).{2000}")
  (#set! injection.language "html"))
; A comment may name the language: /* GraphQL */ `…`
((comment) @injection.language
  . (template_string) @injection.content
  (#match? @injection.language "^/\\*\\s*(?i:graphql|gql|sql)\\s*\\*/$"))
((comment) @injection.language
  . (template_string) @injection.content
  (#match? @injection.language "^/\\*\\s*(?i:html|css|scss)\\s*\\*/$")
  (#match? @injection.content "(?s).{2000}"))
