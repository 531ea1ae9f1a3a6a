"""Tell languages that share an extension apart by the content of the file."""

import re

_MAX_SEARCHED = 1 << 16  # bytes at the start of a file
_ANY_CASE = re.IGNORECASE


def _start(pattern: str) -> re.Pattern[bytes]:
    """Compile a pattern for the start of a file, after white space."""
    return re.compile(rb"\A\s*(?:%s)" % pattern.encode(), re.VERBOSE | _ANY_CASE)


def _line(pattern: str, flags: re.RegexFlag | int = 0, *, anywhere: str = "") -> re.Pattern[bytes]:
    """Compile a pattern for the start of any line, after indentation, and perhaps one for any place.

    Patterns take linear time if they match no line breaks, and if no place can belong to two repetitions.
    """
    both = f"^[ \\t]*(?:{pattern})" + (f"|{anywhere}" if anywhere else "")
    return re.compile(both.encode(), re.MULTILINE | re.VERBOSE | flags)


_ANYTHING = re.compile(b"")
_XML = _start(r"<(?:\?xml|!--|!DOCTYPE|[a-z][\w:.-]*[\s/>])")
_HTML = _line(
    r"""<(?:!doctype|html|head|body|div|span|p|a|ul|table|form|script|style|section|%|@|\#|!--|[a-z]+:\w
      | (?:button|footer|h[1-6]|img|input|label|li|link|main|meta|nav|ol|option|select|td|th|title|tr)[ \t>/]
    )""",
    _ANY_CASE,
)
_PHP = re.compile(rb"<\?(?:php|=|\s)")
_LISP = _start(r"[(;]")
_C_DIRECTIVE = _line(r"\#[ \t]*(?:include|define|undef|if|ifdef|ifndef|pragma|error)\b")
_CPP = _line(
    r"""template[ \t]*< | (?:inline[ ])?namespace\b[^;(){]{0,200}\{ | (?:public|private|protected)[ \t]*:
      | (?:enum[ \t]+)?class[ \t][^;()\n]{0,200}[{:;]
      | using[ \t]+(?:namespace\b|[\w:]+[ \t]*[=;])
      | \#[ \t]*include[ \t]*<[a-z_]+>""",
    anywhere=r"\bstd::\w",
)
_OBJC = _line(r"@(?:interface|implementation|protocol|class|import)\b | \#[ \t]*import\b")
_GLSL = _line(
    r"""\#[ \t]*version\b | precision[ \t]+\w+p[ \t] | (?:uniform|varying|attribute)[ \t]+\w+[ \t]
      | layout[ \t]*\( | (?:in|out)[ \t]+[biu]?(?:vec|mat)\d | void[ \t]+main[ \t]*\( | shader_type[ \t]""",
    anywhere=r"\bgl_[A-Z]\w | \btexture2D\b",
)
_HLSL = _line(
    r"""cbuffer\b | \[numthreads\b | (?:RW)?(?:StructuredBuffer|Texture[123]D)\b | CGPROGRAM\b | HLSLPROGRAM\b
      | Shader[ \t]*" | \#[ \t]*pragma[ \t]+kernel\b""",
    anywhere=r":[ \t]?SV_\w",
)
_FORTH = _line(r":[ \t]+\S+[ \t] | \\[ \t] | \([ \t][^)\n]{0,200}--")
_FORTRAN = _line(
    r"""[c*!][ \t] | (?:program|subroutine|function|module|integer|real|common|parameter|dimension|implicit
      |data|double[ ]precision|call)\b""",
    _ANY_CASE,
)
_PASCAL = _line(
    r"""(?:unit|program|library|package)[ \t]+[\w.]+[ \t]*; | (?:interface|implementation|uses)[ \t\r]*$
      | uses[ \t] | \{\$ | (?:procedure|function|constructor|destructor)[ \t]+\w[^;{=\n]{0,200};""",
    _ANY_CASE,
)
_SMALLTALK = _line(r"!\w[\w ]*[ ]methodsFor: | !$ | \w+[ \t]+subclass:[ \t]*\#")
_ASSEMBLY = _line(
    r"""\.(?:text|data|globl|global|section|macro|equ|byte|word|include)\b
      | %(?:macro|define|include|ifdef|if)\b
      | (?:global|extern|section|org)[ \t]+[\w.]+[ \t\r]*(?:;|$) | \w+[ \t]+(?:equ|macro|db|dw|proc)\b
      | (?:mov|push|pop|jmp|call|lea|ld|lda|sta|db|dw)[ \t]+[\w\[$\#,%]""",
    _ANY_CASE,
)
_SQL = _line(
    r"""(?:select|insert[ ]into|update|delete[ ]from|drop|alter|grant|delimiter)[ \t]+\S
      | create[ \t]+(?:or[ \t]+replace[ \t]+)?(?:table|view|index|function|procedure|trigger|schema|temp)""",
    _ANY_CASE,
)

_SHADER_VERSION = _line(r"\#[ \t]*version\b | shader_type[ \t] | layout[ \t]*\(")
_OBJC_OR_C = _line(
    r"""@(?:interface|implementation|protocol|class|import)\b | /[/*]
      | \#[ \t]*(?:import|include|define|pragma|if|ifdef)\b"""
)
_OPENCL = _line(
    r"""\#[ \t]*(?:include|define|if|ifdef|ifndef|pragma)\b | (?:__)?kernel[ \t] | /[/*]
      | (?:void|float|int|typedef|inline|static|struct)[ \t]"""
)
_APEX = _line(
    r"""(?:@\w+(?:\([^)\n]*\))?[ \t]*)?
        (?:(?:public|private|global|protected|virtual|abstract|with|without|inherited|sharing|static)[ \t]+)*
        (?:class|interface|enum)[ \t]+\w""",
    _ANY_CASE,
)
_VISUAL_BASIC = _line(r"VERSION[ ]\d\.\d+[ ]CLASS | Attribute[ ]VB_ | Option[ ]Explicit\b")
_OPENEDGE = _line(r"class[ \t]+[\w.]+[^\n{]{0,200}:[ \t\r]*$ | (?:block|routine)-level\b", _ANY_CASE)
_OBJECTSCRIPT = _line(r"Class[ \t]+[\w%.]+[ \t]+(?:Extends\b|\[)")
_REXX = _line(r"::[ \t]*(?:class|method|routine|requires)\b", _ANY_CASE)
_BLITZ_BASIC = _line(r"(?:Global|Const|Function|Graphics|Include)[ \t]+\w")
_COOL = _line(r"class[ \t]+\w+[ \t]+(?:inherits[ \t]+\w+[ \t]*)?\{")
_DEPENDENCIES = _line(r"[^\s:\#=]+\.(?:o|lo|d|obj|dep|js|rlib|rmeta)(?:[ \t][^:\n]*)?:(?:[ \t\r\\]|$)")
_DTRACE = _line(
    r"""\#[ \t]*pragma[ \t]+D\b | \#!\S*/dtrace\b | \w*:[\w*]*:[\w*]*:[\w*-]+[ \t\r,{/]*$
      | provider[ \t]+\w+[ \t\r{]*$"""
)
_TEX = _line(r"\\[A-Za-z@]+")
_LATEX_CLASS = _line(r"\\[A-Za-z@]+[ \t]*[\\{\[]")
_ERLANG = _line(r"-module\( | main\([^)\n]*\)[ \t]*-> | %%")
_EUPHORIA = _line(r"include[ \t]+[\w/.]+\.e\b | (?:global[ \t]+)?(?:procedure|function)[ \t]+\w+\(")
_FSHARP = _line(r"(?:module|namespace|open|let|type)[ \t]+[\w.(<\[`]")
_GAP = _line(r"(?:Declare|Install|Bind)[A-Z]\w+\(")
_GOSU_OR_GENIE = _line(r"uses[ \t]+[\w.]+ | \[indent[ \t]*=")
_BITBAKE = _line(
    r"""(?:inherit|require)[ \t]+[\w./$-]+[ \t\r]*$ | do_\w+[ \t]*\(
      | (?:SRC_URI|DEPENDS|LICENSE|SUMMARY)\b"""
)
_MAKE = _line(r"[\w.-]+[ \t]*[:+?]?=[ \t] | \.PHONY:")
_C = _line(r"(?:static|void|int|char|struct|typedef|extern|const)[ \t] | /\*")
_LEX = _line(r"%%[ \t\r]*$ | %\{ | %option\b")
_MATHEMATICA = _line(r"\(\* | BeginPackage\[ | \w+\[[^\]\n]{0,200}_\][ \t]*:=")
_MERCURY = _line(r":-[ \t]*(?:module|interface|import_module)\b")
_GCC_MACHINE = _line(r"\(define_(?:insn|expand|attr|constants|c_enum|predicate|constraint|mode_|int_)")
_STANDARD_ML = re.compile(
    rb"^(?:structure|signature|functor|datatype)[ \t]+\w|^fun[ \t]+\w[^\n>]*=", re.MULTILINE
)
_DTD = _line(r"<!(?:ENTITY|ELEMENT|ATTLIST)\b")
_PERL = _line(
    r"""use[ \t]+[\w:]+ | package[ \t]+\w | sub[ \t]+\w | (?:my|our|local)[ \t]*[$@%(] | require[ \t]
      | [$@]\w"""
)
_PROLOG = _line(r":-[ \t]*\w | [a-z]\w*(?:\([^\n]{0,500}\))?[ \t]*(?::-|\.[ \t\r]*$)")
_HACK = _start(r"(?:\#![^\n]*\n)?<\?hh")
_REBOL = _start(r"(?:;[^\n]*\n\s*)?(?:REBOL|Red)(?:/\w+)?\s*\[")
_RE2C = re.compile(rb"/\*!(?:re2c|rules|use|max|types|include)\b")
_PYTHON = _line(r"(?:import|from|class|def)[ \t]+\w")
_RENDERSCRIPT = _line(r"\#[ \t]*pragma[ \t]+(?:version|rs)\b")
_UDEV = _line(r"(?:SUBSYSTEMS?|KERNELS?|ACTION|ATTRS?|ENV|DRIVERS?|LABEL|TEST)\b")
_SUPERCOLLIDER = _line(
    r"""(?:\+[ \t]*)?\w+[ \t]*(?::[ \t]*\w+[ \t]*)?\{[ \t]*\| | classvar\b | SynthDef\b | \^""",
    anywhere=r"\.[ak]r\(",
)
_CRAM = re.compile(rb"^  \$ \S", re.MULTILINE)
_VERILOG = _line(r"endmodule\b | module[ \t]+\w+[ \t]*[(\#;]")
_V = _line(
    r"""(?:pub[ \t]+)?(?:fn|struct|enum|const|interface|type)\b | module[ \t]+\w+[ \t\r]*$
      | import[ \t]+[\w.]+[ \t\r]*$"""
)
_COQ = _line(r"(?:Require|From|Theorem|Lemma|Definition|Fixpoint|Inductive|Proof|Section|Module)\b")

# Of template languages, for texts in any language
_TEMPLATES = "j2 jinja jinja2 tera tmpl gotmpl vm mako".split()
# Extension; language that does not have it in the table of languages; pattern of its files. The first pattern
# that matches decides. "text" stands for a language without a row in the table. Extensions are in lower case
# unless upper case has another meaning.
_EXCEPTIONS = (
    ("as", "asm", _ASSEMBLY),
    ("bb", "clojure", _LISP),
    ("bb", "text", _BLITZ_BASIC),
    ("C", "cpp", _ANYTHING),
    ("H", "objc", _OBJC),
    ("H", "cpp", _ANYTHING),
    ("cl", "c", _OPENCL),
    ("cl", "text", _COOL),
    ("cls", "latex", _LATEX_CLASS),
    ("cls", "text", _VISUAL_BASIC),
    ("cls", "text", _OPENEDGE),
    ("cls", "text", _OBJECTSCRIPT),
    ("cls", "text", _REXX),
    ("cls", "apex", _APEX),
    ("comp", "hlsl", _HLSL),
    ("compute", "glsl", _SHADER_VERSION),
    ("config", "xml", _XML),
    ("cs", "text", _SMALLTALK),
    ("d", "make", _DEPENDENCIES),
    ("d", "text", _DTRACE),
    ("def", "latex", _TEX),
    ("def", "cpp", _C_DIRECTIVE),
    ("def", "cpp", _line(r"[A-Z_]{3,}\( | //")),
    ("es", "erlang", _ERLANG),
    ("ex", "text", _EUPHORIA),
    ("f", "text", _FORTH),
    ("for", "text", _FORTH),
    ("frag", "hlsl", _HLSL),
    ("fs", "glsl", _SHADER_VERSION),
    ("fs", "fsharp", _FSHARP),
    ("fs", "text", _FORTH),
    ("fs", "glsl", _GLSL),
    ("ftl", "html", _HTML),
    ("gd", "text", _GAP),
    ("gs", "glsl", _GLSL),
    ("gs", "text", _SMALLTALK),
    ("gs", "text", _GOSU_OR_GENIE),
    ("h", "objc", _OBJC),
    ("h", "cpp", _CPP),
    ("hh", "hack", _HACK),
    ("inc", "php", _PHP),
    ("inc", "html", _start("<")),
    ("inc", "cpp", _CPP),
    ("inc", "c", _C_DIRECTIVE),
    ("inc", "pascal", _PASCAL),
    ("inc", "sql", _SQL),
    ("inc", "bitbake", _BITBAKE),
    ("inc", "asm", _ASSEMBLY),
    ("inc", "make", _MAKE),
    ("inc", "c", _C),
    ("inc", "fortran", _FORTRAN),
    ("l", "commonlisp", _LISP),
    ("ll", "text", _LEX),
    ("m", "text", _MATHEMATICA),
    ("m", "text", _MERCURY),
    ("m", "objc", _OBJC_OR_C),
    ("md", "text", _GCC_MACHINE),
    ("ml", "text", _STANDARD_ML),
    ("mm", "xml", _XML),  # mind maps
    ("mod", "dtd", _DTD),
    ("pch", "objc", _OBJC),
    ("pch", "cpp", _CPP),
    ("php", "hack", _HACK),
    ("pl", "perl", _PERL),
    ("pl", "text", _PROLOG),
    ("plist", "xml", _XML),
    ("pm", "text", _start(r"/\*[ ]XPM")),
    ("pp", "pascal", _PASCAL),
    ("props", "xml", _XML),
    ("r", "text", _REBOL),
    ("re", "re2c", _RE2C),
    ("rpy", "python", _PYTHON),
    ("rs", "xml", _XML),
    ("rs", "c", _RENDERSCRIPT),
    ("rules", "udev", _UDEV),
    ("sc", "text", _SUPERCOLLIDER),
    ("sch", "xml", _XML),
    ("sch", "text", _start(r"\(kicad_sch|EESchema")),
    ("sch", "scheme", _LISP),
    ("shader", "glsl", _SHADER_VERSION),
    ("shader", "hlsl", _HLSL),
    ("t", "text", _CRAM),
    ("tag", "html", _HTML),
    ("targets", "xml", _XML),
    ("tpl", "php", _PHP),
    ("tpl", "html", _HTML),
    ("ts", "xml", _XML),  # Qt Linguist
    ("tsx", "xml", _start(r"<\?xml|<tileset\b")),
    ("v", "verilog", _VERILOG),
    ("v", "v", _V),
    ("v", "text", _COQ),
    ("vim", "vim9script", _line(r"vim9script\b")),
    ("vs", "glsl", _GLSL),
    ("vs", "hlsl", _HLSL),
    ("vsh", "glsl", _GLSL),
    ("vsh", "hlsl", _HLSL),
    ("yy", "json", _start(r"\{\s*[\"}]")),  # GameMaker
    *((extension, "xml", _start(r"<\?xml\b")) for extension in _TEMPLATES),
    *((extension, "html", _HTML) for extension in _TEMPLATES),
)
EXTENSIONS = frozenset(extension for extension, _, _ in _EXCEPTIONS)


def exception(extension: str, content: bytes) -> str:
    """Return the name of the language of a file, "" if it is the one that has the extension in the table."""
    start = content[:_MAX_SEARCHED]
    rules = ((language, pattern) for other, language, pattern in _EXCEPTIONS if other == extension)
    return next((language for language, pattern in rules if pattern.search(start)), "")
