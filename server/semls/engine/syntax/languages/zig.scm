(doc_comment) @comment
((doc_comment) @documentation (#match? @documentation "^///"))
(line_comment) @comment

(Decl (FnProto function: (_) @name) (Block) @body) @definition.function
(Decl
  (VarDecl
    variable_type_function: (_) @name
    (ErrorUnionExpr (SuffixExpr (ContainerDecl (ContainerDeclType "struct")) @body)))) @definition.struct
(Decl
  (VarDecl
    variable_type_function: (_) @name
    (ErrorUnionExpr (SuffixExpr (ContainerDecl (ContainerDeclType "enum")) @body)))) @definition.enum
(Decl
  (VarDecl
    variable_type_function: (_) @name
    (ErrorUnionExpr (SuffixExpr (ContainerDecl) @body)))) @definition.struct
(TestDecl (STRINGLITERALSINGLE) @name (Block) @body) @definition.function
