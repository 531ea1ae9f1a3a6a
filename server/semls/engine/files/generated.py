"""Recognize generated files by what their first comments say, or by an annotation of their only class."""

import re

_HEADER_BYTES = 2048  # at the start of a file that are searched for a marker
_ANNOTATION_BYTES = 8192  # the same for an annotation, which follows the imports

# The comments at the start of a file, and a docstring of Python. Directives of a preprocessor count as
# comments, because a marker may follow an include guard. An inclusion does not: code begins with it.
_HEADER = re.compile(
    rb"""(?:\xef\xbb\xbf)?(?:
        \s
      | (?: \#(?!\s*(?:include|import)\s*[<"]) | // | -- | ; | % | @?rem\s | <[?!][a-z] | '(?!'') ) [^\n]*
      | /\*(?:.*?\*/|.*) | <!--(?:.*?-->|.*) | \(\*(?:.*?\*\)|.*) | \{-(?:.*?-\}|.*)
      | "{3}(?:.*?"{3}|.*) | '{3}(?:.*?'{3}|.*)
    )*""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
# A generator speaks about the file that it writes. The documentation of a program may speak about its output.
_FILE = rb"""(?:
        file | code | class | module | header | source | document(?:ation)? | page | script | interface | enum
      | types? | package | unit | form | contents? | schema | config(?:uration)? | makefile | manifest
      | readme | wrapper | bindings? | stubs? | tests? | program | parser | lexer | scanner | library
      | project
    )"""
_SUBJECT = rb"""(?:
        (?: this (?: \s(?:[\w./"-]+\s+){0,2}?%(file)s (?:\s+['"]?[\w/-]*\.[\w.]+['"]?)? )?
          | the\s+(?:code|contents?)\s+(?:in|of)\s+this\s+file
          %(others)s ) \s+(?:is|was|are|were|has\s+been|have\s+been)\s+(?:an?\s+)?
    )"""
_THIS = _SUBJECT % {b"file": _FILE, b"others": b""}
_THIS_OR_THE_FILE = _SUBJECT % {b"file": _FILE, b"others": rb"| the\s+(?:file|code)"}
_IT = _SUBJECT % {b"file": _FILE, b"others": rb"| the\s+(?:file|code) | it"}
_AUTOMATICALLY = rb"(?:auto(?:matically)?[\s-]*|machine[\s-]*)"
_SAYS_GENERATED = rb"""(?:
        (?:code\s+)?%(automatically)s?generated(?![\w-])
      | %(automatically)s(?:created|produced|written)(?![\w-])
    )""" % {b"automatically": _AUTOMATICALLY}
_PAUSE = rb"(?:[.!,;:)\n]|(?<!\w)-)"
# Between this and the warning stands how it was generated. Other words make the file part of a sentence.
_HOW = rb"""(?:
        (?:\s+(?:automatically|by|from|with|using|via|on|at|for|in)\b .{0,300}? | \s*) %(pause)s
      | (?:\s+[\w.-]+){0,3}?\s+%(file)s\b (?:.{0,300}?%(pause)s)?
    )""" % {b"file": _FILE, b"pause": _PAUSE}
_SAYS_DO_NOT_EDIT = rb"""(?:
        (?:do\ not|don't|never)\s+(?:(?:manually|directly|hand-?)\s*)?(?:edit|modify|change|touch|alter)\b
        (?!\s+(?:them|these|those)\b)
      | edit\s+(?:the\s+)?source\b
      | do\ not\s+make\s+(?:\w+\s+)?(?:changes|modifications|edits)
      | (?:and\s+)?(?:should|must|may|can)(?:\ not|not|\ never)\s+be\s+(?:\w+\s+)?(?:edited|modified|changed)
    )"""
_SAYS_CHANGES_ARE_LOST = rb"""(?:(?:all|any|your|manual|local|further|direct)\s+){0,2}
        (?:changes|modifications|edits)\s+(?:(?:you\s+)?(?:made|make|done)\s+)?
        (?:to|in)\s+%s\s+(?:file|class|code|form|module)\s+
        (?:[\w,]+\s+){0,8}?(?:will|may|can|might|shall)\s+be\s+
        (?:lost|overwritten|discarded|reverted|erased)"""
# A program, not a part of the one that the file belongs to.
_GENERATOR = rb"""(?!hand\b|default\b|this\b|the\s+`|[`'"])
    (?!the\s(?![^\n]{0,80}\b(?:compiler|generator|plug-?in|tool|emitter|program|script|implementation|\w+gen)\b))\S"""
# Of a tool: its version, or one of the names that need none. Django's migrations are edited after all.
_TOOL = rb"""(?:the\s+)?(?:gnu\s+|apache\s+)?(?!django\b)(?:
        [\w.+/-]+(?:[\s,]+[\w.+/-]+){0,3}?[\s(,:]+v?\d+\.\d[\w.]* | \w+-\d+\.\d[\w.]*
      | (?:aclocal|antlr|autoheader|automake|bison|config\.status|cup|cython|flex|gperf|javacc|jflex|jooq|moc
          |js_of_ocaml|openapi|prisma|protoc|re2c|rcc|sourcery|swagger|swiftgen
          |swig|thrift|uic|wsdl\w*|xjc|yacc)\b(?=\W*(?:$|\n|\*/|from\b|on\b|for\b|https?:))
    )"""
# The marker must begin a comment line. A file that only mentions generated code does so inside a sentence,
# in quotes, or with a comment inside a comment as an example.
_MARKER = re.compile(
    rb"""^(?![^\w\n]*[ \t](?:\#|//))(?:"{3}|'{3}|'[\ \t-])?[^\w\n`'"]*?
    (?:(?:rem|warning|note|notice|important|attention|caution)[:,!.]?\s+(?:[^\w\n`'"]*\s)?)?(?:
        (?:this\s+file\s+is\s+)?(?:auto(?:matically)?[\s-]*)?@generated(?![\w-])
      | \$antlr\s+\d
      | <auto-?generated
      | code\s+generated\s[^\n]*do\ not\ edit
      | %(this_or_the_file)s? %(generated)s (?: %(how)s\W*(?:please\s+)? | \s+)
        (?:%(do_not_edit)s|%(changes_are_lost)s)
      | %(do_not_edit)s [^\n]{0,60}?%(pause)s\W*%(it)s? %(generated)s
      | %(do_not_edit)s [.!]?[ \t]*\n(?:[^\n]*\n){0,4}?[^\w\n]*%(it)s? %(generated)s\s+by\b
      | %(changes_to_this_are_lost)s
      | %(this)s? %(automatically)s generated\s+(?:file|code)(?:[.!]|\W*$)
      | %(this)s %(automatically)s generated\s+(?:from\s+[\w.]+[\s*]+)?(?:by|with|using)\s+
        (?!hand\b|default\b|the\s+`|[`'"])\S
      | %(automatically)s generated\s+(?:from\s+[\w.]+[\s*]+)?(?:by|with|using)\s+%(generator)s
      | (?:form\s+(?:implementation\s+)?)?generated\s+from\s+(?:reading\s+ui\s+file\s+)?
        ['"]?[\w./\\-]+\.\w+['"]?\s*(?:by\s+[\w.]|%(created_by)s)
      | meta\s+object\s+code\s+from\s+reading\b | resource\s+object\s+code\b[^\n]*%(created_by)s
      | (?: [\w.-]+\.(?:in|h|c|m4|am)\.?\s+ | (?:ansi-)?c(?:\+\+)?\s+code\s+ | the\s+following\s+code\s+was\s+
          | parser\s+ | a\s+lexical\s+scanner\s+ | a\s+bison\s+parser,\s+ | %(this)s? )
        (?:generated|produced|made)\s+(?:automatically\s+)?(?:from\s+\S+\s+)?(?:by|using|with):?\s*%(tool)s
    )"""
    % {
        b"this": _THIS,
        b"this_or_the_file": _THIS_OR_THE_FILE,
        b"it": _IT,
        b"automatically": _AUTOMATICALLY,
        b"generated": _SAYS_GENERATED,
        b"pause": _PAUSE,
        b"how": _HOW,
        b"generator": _GENERATOR,
        b"do_not_edit": _SAYS_DO_NOT_EDIT,
        b"changes_are_lost": _SAYS_CHANGES_ARE_LOST % rb"(?:this|the)",
        b"changes_to_this_are_lost": _SAYS_CHANGES_ARE_LOST % b"this",
        b"created_by": rb"[^\w\n]*(?:\n[^\w\n]*){1,3}created\ by:",
        b"tool": _TOOL,
    },
    re.DOTALL | re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_UNFINISHED = re.compile(
    rb"(?:,|\b(?:is|are|was|were|be|been|being|gets?|and|or|but|which|that|who|not|the|an?|by|of|to))\s?\n\Z",
    re.IGNORECASE,
)
_ANNOTATION = re.compile(
    rb"^@(?:(?:javax?|jakarta)\.annotation\.(?:processing\.)?)?Generated\s*\(", re.MULTILINE
)
_DESIGNERS = (".designer.cs", ".designer.vb")  # of Visual Studio


def is_generated(name: str, content: bytes) -> bool:
    """Return whether a file says that a program generated it."""
    header = _HEADER.match(content[:_HEADER_BYTES])
    if header and _contains_marker(header[0]):
        return True
    if name.lower().endswith(_DESIGNERS) and b"InitializeComponent" in content:
        return True
    return bool(_ANNOTATION.search(content[:_ANNOTATION_BYTES]))


def _contains_marker(header: bytes) -> bool:
    """Return whether a line of a header is a marker, and not the rest of a sentence of the line above."""
    return any(not _UNFINISHED.search(header[: match.start()][-20:]) for match in _MARKER.finditer(header))
