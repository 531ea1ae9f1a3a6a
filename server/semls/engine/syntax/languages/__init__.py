"""The supported languages: how to detect them by file, their names, and their queries for definitions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from semls.engine.syntax import templates
from semls.engine.syntax.languages import declarations, shared_extensions
from semls.errors import UsageError, suggestion

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# After the name of a file that is copied or generated under its name without them.
_COPY_SUFFIXES = frozenset("in example sample dist template default orig bak old disabled".split())


_INHERITS = "; inherits: "


@dataclass(frozen=True, slots=True)
class Language:
    """A language. Files are chunked by lines if it has no grammar."""

    name: str
    grammar: str | None
    extensions: tuple[str, ...] = ()
    filenames: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    tags: str = ""  # the first characters of a template language's tags in the text
    query: str = ""  # name of the .scm file with its query


def _row(
    name: str,
    extensions: str = "",
    filenames: str = "",
    aliases: str = "",
    *,
    grammar: str | None = "",
    query: str = "",
) -> Language:
    return Language(
        name=name,
        grammar=name if grammar == "" else grammar,
        extensions=tuple(extensions.split()),
        filenames=tuple(filenames.split()),
        aliases=tuple(aliases.split()),
        query=query or name,
    )


# fmt: off
_TABLE = (
    _row("actionscript", "as", aliases="as3"),
    _row("ada", "adb ads"),
    _row("agda", "agda"),
    _row("apex", "trigger apex"),
    _row("arduino", "ino pde", query="cpp"),
    _row("asciidoc", "adoc asciidoc asc", aliases="adoc", grammar=None),
    _row("asm", "asm s nasm a51 nas", aliases="assembly nasm"),
    _row("astro", "astro"),
    _row("awk", "awk gawk mawk nawk", aliases="gawk mawk nawk", grammar=None),
    _row("bash", "sh bash zsh ksh ebuild eclass bats command mksh zsh-theme sbatch slurm pbs shlib",
         ".bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile .zshrc .zshenv "
         ".zprofile .zlogin .kshrc .envrc PKGBUILD APKBUILD .bash_functions .zlogout",
         "sh shell shellscript zsh ksh dash ash"),
    _row("beancount", "beancount bean"),
    _row("bibtex", "bib", aliases="bib"),
    _row("bicep", "bicep bicepparam"),
    _row("bitbake", "bb bbappend bbclass"),
    _row("bsl", "bsl os", aliases="1c"),
    _row("c", "c h idc pch"),
    _row("cairo", "cairo"),
    _row("capnp", "capnp", aliases="capnproto"),
    _row("chatito", "chatito"),
    _row("clarity", "clar"),
    _row("clojure", "clj cljs cljc cljd edn boot cljx cl2 hic", aliases="clj clojurescript babashka bb"),
    _row("cmake", "cmake cmake.in", "CMakeLists.txt"),
    _row("cobol", "cob cbl cobol cpy"),
    _row("commonlisp", "lisp lsp cl asd", ".sbclrc", "lisp sbcl"),
    _row("cpon", "cpon"),
    _row("cpp",
         "cpp cc cxx c++ hpp hh hxx h++ ipp tpp txx inl cppm ixx tcc mpp ccm cxxm c++m metal hip",
         aliases="c++ cplusplus cxx"),
    _row("csharp", "cs csx cake", aliases="c# cs"),
    _row("css", "css wxss qss tcss uss"),
    _row("csv", "csv"),
    _row("cuda", "cu cuh cu.h", query="cpp"),
    _row("d", "d di", aliases="dlang rdmd"),
    _row("dart", "dart"),
    _row("dockerfile", "dockerfile containerfile", "Dockerfile Containerfile", "docker"),
    _row("dtd", "dtd"),
    _row("ejs", "ejs eta html.ejs html.eta", grammar="embeddedtemplate"),
    _row("elisp", "el", ".emacs _emacs Cask Eask .spacemacs .gnus", "emacs-lisp emacslisp emacs"),
    _row("elixir", "ex exs", "mix.lock", "ex"),
    _row("elm", "elm"),
    _row("embeddedtemplate", "erb html.erb rhtml", aliases="erb"),
    _row("erlang", "erl hrl app.src escript appup", "rebar.config rebar.lock", "erl escript"),
    _row("fennel", "fnl"),
    _row("firrtl", "fir"),
    _row("fish", "fish"),
    _row("fortran", "f f77 f90 f95 f03 f08 for ftn fpp f18 f2003 f2008 fypp"),
    _row("fsharp", "fs fsx fsscript", aliases="f# fs"),
    _row("fsharp_signature", "fsi"),
    _row("func", "fc func"),
    _row("gdscript", "gd", aliases="gd godot"),
    _row("gherkin", "feature", aliases="cucumber", grammar=None),
    _row("gitattributes", "gitattributes", ".gitattributes"),
    _row("gitcommit", "", "COMMIT_EDITMSG MERGE_MSG"),
    _row("gitignore", "gitignore",
         ".gitignore .dockerignore .npmignore .eslintignore .prettierignore .semlsignore .ignore .rgignore"),
    _row("gleam", "gleam"),
    _row("glsl",
         "glsl vert frag geom comp tesc tese vshader fshader glslv glslf glslh glsli gdshader rgen "
         "rchit rmiss rahit rint rcall mesh task fsh shader"),
    _row("gn", "gn gni"),
    _row("go", "go", aliases="golang"),
    _row("gomod", "", "go.mod", "go.mod"),
    _row("gosum", "", "go.sum go.work.sum", "go.sum"),
    _row("graphql", "graphql gql graphqls", aliases="gql"),
    _row("groovy", "groovy gvy gy gsh gradle jenkinsfile nf grt", "Jenkinsfile", "gradle"),
    _row("hack", "hack hhi", aliases="hhvm"),
    _row("hare", "ha"),
    _row("haskell", "hs hs-boot hsc", aliases="hs runhaskell"),
    _row("haxe", "hx"),
    _row("hcl", "hcl nomad", aliases="packer"),
    _row("heex", "heex leex neex"),
    _row("hlsl", "hlsl hlsli fx fxh usf ush cginc slang psh compute"),
    _row("html",
         "html htm xhtml xht jsp jspf cshtml vbhtml razor aspx ascx asax master hbs handlebars "
         "mustache njk nunjucks liquid gsp mjml wxml gohtml", aliases="htm"),
    _row("hyprlang", "", "hyprland.conf hyprpaper.conf hyprlock.conf hypridle.conf"),
    _row("ini",
         "ini cfg conf desktop service timer socket mount cnf target path slice automount swap "
         "network netdev container inf",
         ".editorconfig .gitconfig .gitmodules .flake8 .coveragerc .pylintrc .npmrc .pypirc", "conf"),
    _row("ispc", "ispc", query="c"),
    _row("janet", "janet jdn"),
    _row("java", "java jav bsh", aliases="jsh"),
    _row("javascript",
         "js jsx mjs cjs es6 jsm jscad jsb jsfl jslib jss njs pac sjs ssjs xsjs xsjslib js.flow gs "
         "es", "Jakefile", "js jsx mjs cjs javascriptreact node nodejs ecmascript"),
    _row("json",
         "json json5 jsonc jsonl ndjson geojson webmanifest har code-workspace topojson "
         "mcmeta avsc webapp arb gltf sarif jsonld importmap code-snippets sublime-settings "
         "sublime-keymap sublime-menu sublime-build sublime-project sublime-commands jscsrc "
         "jshintrc jslintrc watchmanconfig yyp",
         ".babelrc .eslintrc .prettierrc .swcrc composer.lock Pipfile.lock", "jsonc json5"),
    _row("jsonnet", "jsonnet libsonnet"),
    _row("julia", "jl", aliases="jl"),
    _row("jupyter", "ipynb", aliases="ipynb notebook", grammar="json"),
    _row("kconfig", "", "Kconfig Kconfig.debug Config.in"),
    _row("kdl", "kdl"),
    _row("kotlin", "kt kts ktm", aliases="kt kts"),
    _row("latex", "tex sty ltx dtx bbx cbx lbx mkii mkiv mkvi ins clo ldf fd tikz pgf rnw snw",
         aliases="tex"),
    _row("linkerscript", "ld lds"),
    _row("llvm", "ll", aliases="llvm-ir"),
    _row("lua", "lua rockspec wlua nse pd_lua rbxs", ".luacheckrc .busted", "luajit"),
    _row("luau", "luau", query="lua"),
    _row("magik", "magik"),
    _row("make", "mk mak make", "Makefile makefile GNUmakefile BSDmakefile Makefile.am Makefile.in Kbuild",
         "makefile gmake"),
    _row("markdown",
         "md markdown mdown mkd mkdn mdx mdc rmd qmd livemd ronn workbook mkdown mdtxt mdtext mdwn",
         aliases="md"),
    _row("matlab", "m mlx matlab", aliases="octave"),
    _row("mermaid", "mmd mermaid"),
    _row("meson", "", "meson.build meson_options.txt meson.options"),
    _row("netlinx", "axs axi"),
    _row("nim", "nim nims nimble"),
    _row("ninja", "ninja"),
    _row("nix", "nix"),
    _row("nqc", "nqc"),
    _row("objc", "mm", aliases="objective-c objectivec obj-c"),
    _row("ocaml", "ml eliom", aliases="ml"),
    _row("ocaml_interface", "mli eliomi", aliases="mli"),
    _row("odin", "odin"),
    _row("org", "org", aliases="orgmode org-mode"),
    _row("pascal", "pas dpr dpk lpr lfm", aliases="delphi"),
    _row("pem", "pem crt"),
    _row("perl", "pl pm t psgi plx ph pod al", "cpanfile Makefile.PL", "pl"),
    _row("pgn", "pgn"),
    _row("php", "php phtml php3 php4 php5 php7 php8 phps ctp phpt", ".php-cs-fixer.dist.php"),
    _row("po", "po pot", aliases="gettext"),
    _row("pony", "pony"),
    _row("powershell", "ps1 psm1 psd1 pssc psrc", aliases="ps1 pwsh"),
    _row("prisma", "prisma"),
    _row("properties", "properties env props", ".env"),
    _row("proto", "proto", aliases="protobuf proto3"),
    _row("psv", "psv"),
    _row("puppet", "pp"),
    _row("purescript", "purs"),
    _row("pymanifest", "", "MANIFEST.in"),
    _row("python", "py pyi pyw pyx pxd pxi wsgi py3 pyp pyde sage ipy smk gyp gypi tac lmi",
         "wscript .pythonstartup SConstruct SConscript Snakefile", "py python2 python3 pypy uv"),
    _row("qmldir", "", "qmldir"),
    _row("qmljs", "qml", aliases="qml"),
    _row("r", "r rprofile", ".Rprofile", "rscript rlang"),
    _row("racket", "rkt rktd rktl", query="scheme"),
    _row("re2c", "re2c"),
    _row("readline", "inputrc", ".inputrc inputrc"),
    _row("rego", "rego"),
    _row("requirements", "", "requirements.txt requirements-dev.txt dev-requirements.txt constraints.txt"),
    _row("ron", "ron"),
    _row("rst", "rst rest", aliases="restructuredtext"),
    _row("ruby",
         "rb rake gemspec ru rbw podspec thor jbuilder builder rbi rabl prawn mspec watchr axlsx "
         "jb",
         "Rakefile Gemfile Guardfile Capfile Vagrantfile Podfile Fastfile Appfile Brewfile "
         "Berksfile Thorfile .irbrc .pryrc Steepfile Dangerfile Deliverfile Matchfile Snapfile "
         "Scanfile Gymfile Pluginfile Puppetfile Buildfile", "rb jruby"),
    _row("rust", "rs", aliases="rs"),
    _row("scala", "scala sc sbt mill", aliases="sbt"),
    _row("scheme", "scm ss sld sls sps", aliases="scm guile"),
    _row("scss", "scss less sass pcss postcss"),
    _row("smali", "smali"),
    _row("smithy", "smithy"),
    _row("solidity", "sol", aliases="sol"),
    _row("sparql", "rq sparql"),
    _row("sql", "sql ddl dml pgsql psql plsql pls pkb pks pck prc fnc trg tps tpb vw tsql hql cql",
         aliases="mysql postgresql postgres sqlite"),
    _row("squirrel", "nut"),
    _row("starlark", "bzl star bazel sky",
         "BUILD BUILD.bazel WORKSPACE WORKSPACE.bazel MODULE.bazel Tiltfile BUCK BUILD.plz "
         "WORKSPACE.bzlmod", "bazel bzl"),
    _row("svelte", "svelte"),
    _row("swift", "swift swiftinterface"),
    _row("tablegen", "td"),
    _row("tcl", "tcl tk tm adp itk itcl exp sdc xdc", aliases="tclsh wish"),
    _row("terraform", "tf tfvars tofu", aliases="tf opentofu", query="hcl"),
    _row("thrift", "thrift"),
    _row("toml", "toml", "Cargo.lock poetry.lock uv.lock Pipfile"),
    _row("tsv", "tsv tab"),
    _row("tsx", "tsx", aliases="typescriptreact", query="typescript"),
    _row("twig", "twig html.twig"),
    _row("typescript", "ts mts cts ets", aliases="ts mts cts deno tsnode"),
    _row("typst", "typ"),
    _row("udev"),
    _row("ungrammar", "ungram"),
    _row("uxntal", "tal"),
    _row("v", "vsh vv", aliases="vlang"),
    _row("vbnet", "vb bas frm vbs", aliases="vb visualbasic vba vbscript", grammar=None),
    _row("verilog", "sv svh vh vlg veo v", aliases="systemverilog sv"),
    _row("vhdl", "vhd vhdl vho vhi vhf vhs vht vhw"),
    _row("vim", "vim vimrc vmb", ".vimrc _vimrc .gvimrc .ideavimrc .exrc .nvimrc", "viml vimscript"),
    _row("vim9script", aliases="vim9", grammar=None),
    _row("vue", "vue nvue uvue"),
    _row("wast", "wast"),
    _row("wat", "wat", aliases="wasm"),
    _row("wgsl", "wgsl"),
    _row("xcompose", "", ".XCompose"),
    _row("xml",
         "xml xsd xsl xslt svg rss atom xaml csproj vbproj fsproj nuspec resx wsdl kml ui qrc "
         "storyboard xib xul xlf xliff tld jspx jelly dita ditamap csl mxml vcxproj vcxitems "
         "filters proj pubxml wixproj wxs wxi wxl shproj sqlproj esproj njsproj ccproj user "
         "ruleset runsettings slnx manifest tmlanguage tmpreferences tmsnippet tmtheme "
         "sublime-snippet launch rdf owl opml gpx gml axml axaml fxml glade xacro srdf sdf urdf "
         "resw vsixmanifest vstheme vsct edmx dbml wsf rng xspec zcml jnlp entitlements "
         "mobileconfig xcscheme xcworkspacedata mml mathml ttml uxml iml ps1xml psc1 cdxml"),
    _row("yaml", "yaml yml sublime-syntax cff eyaml raml mir", ".clang-format .clang-tidy .clangd .yamllint",
         "yml"),
    _row("yuck", "yuck"),
    _row("zig", "zig zon"),
)
# fmt: on

TEXT = Language("text", grammar=None, extensions=("txt",), aliases=("plaintext", "plain"))

_LANGUAGES = (*_TABLE, TEXT)
_BY_NAME = {name: language for language in _LANGUAGES for name in (*language.aliases, language.name)}
_BY_FILENAME = {name: language for language in _LANGUAGES for name in language.filenames}
_BY_EXTENSION = {extension: language for language in _LANGUAGES for extension in language.extensions}

NAMES = tuple(sorted(language.name for language in _LANGUAGES))
PROSE = tuple(
    "markdown rst text json yaml toml xml html csv tsv ini properties org latex".split()
)  # and data


def detect(path: str, content: bytes) -> Language:
    """Return the language of a file, TEXT if it is unknown.

    The first of these that is known decides: the file name, its longest extension without that of a template
    (as in x.ts.j2), its first part (as in Dockerfile.dev), the interpreter in the first line, a declaration
    for an editor, the tag at the start. If languages share the extension, the content decides.
    """
    filename = path.replace("\\", "/").rpartition("/")[2]
    stem, _, suffix = filename.rpartition(".")
    for name in (filename, stem if suffix in templates.SUFFIXES else ""):
        if name in _BY_FILENAME:
            return _BY_FILENAME[name]
    content = content.removeprefix(_BYTE_ORDER_MARK)
    for extension in _extensions(filename):
        if extension in shared_extensions.EXTENSIONS:
            declared = by_name(declarations.editor_mode(content))
            exception = by_name(shared_extensions.exception(extension, content))
            if language := declared or exception or _BY_EXTENSION.get(extension):
                return language
        elif extension in _BY_EXTENSION:
            return _BY_EXTENSION[extension]
    first_part = filename.partition(".")[0]
    if first_part in _BY_FILENAME:
        return _BY_FILENAME[first_part]
    for find in (declarations.interpreter, declarations.editor_mode, declarations.signature):
        if language := by_name(find(content)):
            return language
    return TEXT


def _extensions(filename: str) -> Iterator[str]:
    """Yield the extensions that a file name may have, the longest ones first."""
    _, *parts = filename.split(".")
    if parts and not parts[-1].islower() and parts[-1] in shared_extensions.EXTENSIONS:
        yield parts[-1]  # such as "C", which is not "c"
    yield from _lower_extensions([part.lower() for part in parts])


def _lower_extensions(parts: Sequence[str]) -> Iterator[str]:
    *longer, last = (".".join(parts[index:]) for index in range(len(parts))) if parts else ("",)
    yield from longer
    if last in templates.SUFFIXES:
        yield from _lower_extensions(parts[:-1])
    yield last
    if last in _COPY_SUFFIXES:
        yield from _lower_extensions(parts[:-1])


def by_name(name: str) -> Language | None:
    """Return the language with this name or alias, in any case, or None."""
    return _BY_NAME.get(name.strip().lower())


def require(name: str, place: str = "") -> Language:
    """Return the language with this name or alias. Raises UsageError, which says that `place` names it."""
    language = by_name(name)
    if language is None:
        hint = "Use a name such as python, typescript, c++ or markdown."
        raise UsageError(f"Unknown language {name!r}{place}. {suggestion(name, NAMES) or hint}")
    return language


def by_name_or_extension(name: str) -> Language | None:
    """Return the language with this name, alias or extension, in any case, or None."""
    return by_name(name) or _BY_EXTENSION.get(name.strip().lower())


def of_file(path: str, name: str) -> Language:
    """Return the language with a name as it occurs in a file, which may be a template."""
    language = by_name(name) or TEXT
    tags = templates.first_characters(path, language.name)
    return replace(language, tags=tags) if tags else language


def definition_query(language: Language) -> str:
    """Return the text of the query for a language's definitions, or "" if there is none.

    A first line `; inherits: NAME` puts the patterns of another query before its own.
    """
    query = _file(f"{language.query}.scm")
    inherited = _inherited(query)
    return _file(f"{inherited}.scm") + query if inherited else query


def header_pattern(language: Language) -> str:
    """Return the regular expression for the headers of a language's definitions, or "" if there is none.

    Its alternatives come before those of the language whose query it inherits.
    """
    inherited = _inherited(_file(f"{language.query}.scm"))
    own, other = _file(f"{language.query}.headers"), _file(f"{inherited}.headers")
    return f"{own}\n| {other}" if own and other else own or other


def _inherited(query: str) -> str:
    first_line = query.partition("\n")[0]
    return first_line.removeprefix(_INHERITS) if first_line.startswith(_INHERITS) else ""


@cache
def _file(name: str) -> str:
    file = resources.files(__name__) / name
    return file.read_text("utf-8") if file.is_file() else ""
