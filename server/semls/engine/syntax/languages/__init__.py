"""The supported languages: how to detect them by file, their names, and their queries for definitions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

_MAX_SHEBANG_BYTES = 256  # as in Linux; matching takes quadratic time
_SHEBANG = re.compile(rb"#![ \t]*(?:\S*/)?(?:env[ \t]+(?:-\S+[ \t]+|\w+=\S*[ \t]+)*)?(?:\S*/)?([^\s\d./-]+)")

_CPP = re.compile(
    rb"^[ \t]*(?:template[ \t]*<|(?:inline )?namespace\b[^;(){]{0,200}\{|(?:public|private|protected)[ \t]*:"
    rb"|class[ \t][^;()\n]*[{:;]|using[ \t]+(?:namespace\b|[\w:]+[ \t]*[=;])|#[ \t]*include[ \t]*<[a-z_]+>)"
    rb"|\bstd::\w",
    re.MULTILINE,
)
_OBJC = re.compile(
    rb"^[ \t]*(?:@(?:interface|implementation|protocol|class|import)\b|#[ \t]*import\b)", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Language:
    """A language. Files are chunked by lines if it has no grammar."""

    name: str
    grammar: str | None
    extensions: tuple[str, ...] = ()
    filenames: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    query: str = ""  # name of the .scm file with its query
    content_pattern: re.Pattern[bytes] | None = None  # matches its files, not others with the same extension


def _row(
    name: str,
    extensions: str = "",
    filenames: str = "",
    aliases: str = "",
    *,
    grammar: str = "",
    query: str = "",
    content_pattern: re.Pattern[bytes] | None = None,
) -> Language:
    return Language(
        name=name,
        grammar=grammar or name,
        extensions=tuple(extensions.split()),
        filenames=tuple(filenames.split()),
        aliases=tuple(aliases.split()),
        query=query or name,
        content_pattern=content_pattern,
    )


# fmt: off
_TABLE = (
    _row("actionscript", "as", aliases="as3"),
    _row("ada", "adb ads"),
    _row("agda", "agda"),
    _row("apex", "cls trigger apex"),
    _row("arduino", "ino pde"),
    _row("asm", "asm s nasm", aliases="assembly nasm"),
    _row("astro", "astro"),
    _row("bash", "sh bash zsh ksh ebuild eclass bats command",
         ".bashrc .bash_profile .bash_login .bash_logout .bash_aliases .profile .zshrc .zshenv .zprofile "
         ".zlogin .kshrc .envrc PKGBUILD APKBUILD",
         "sh shell shellscript zsh ksh dash ash"),
    _row("beancount", "beancount bean"),
    _row("bibtex", "bib", aliases="bib"),
    _row("bicep", "bicep bicepparam"),
    _row("bitbake", "bb bbappend bbclass"),
    _row("bsl", "bsl os", aliases="1c"),
    _row("c", "c h"),
    _row("cairo", "cairo"),
    _row("capnp", "capnp", aliases="capnproto"),
    _row("chatito", "chatito"),
    _row("clarity", "clar"),
    _row("clojure", "clj cljs cljc cljd edn", aliases="clj clojurescript babashka bb"),
    _row("cmake", "cmake cmake.in", "CMakeLists.txt"),
    _row("cobol", "cob cbl cobol cpy"),
    _row("commonlisp", "lisp lsp cl asd", ".sbclrc", "lisp sbcl"),
    _row("cpon", "cpon"),
    _row("cpp", "cpp cc cxx c++ h hpp hh hxx h++ ipp tpp txx inl cppm ixx",
         aliases="c++ cplusplus cxx", content_pattern=_CPP),
    _row("csharp", "cs csx cake", aliases="c# cs"),
    _row("css", "css"),
    _row("csv", "csv"),
    _row("cuda", "cu cuh", query="cpp"),
    _row("d", "d di", aliases="dlang rdmd"),
    _row("dart", "dart"),
    _row("dockerfile", "dockerfile containerfile", "Dockerfile Containerfile", "docker"),
    _row("dtd", "dtd"),
    _row("elisp", "el", ".emacs _emacs Cask Eask", "emacs-lisp emacslisp emacs"),
    _row("elixir", "ex exs", "mix.lock", "ex"),
    _row("elm", "elm"),
    _row("embeddedtemplate", "erb ejs eta html.erb rhtml", aliases="erb ejs"),
    _row("erlang", "erl hrl app.src escript", "rebar.config rebar.lock", "erl escript"),
    _row("fennel", "fnl"),
    _row("firrtl", "fir"),
    _row("fish", "fish"),
    _row("fortran", "f f77 f90 f95 f03 f08 for ftn fpp"),
    _row("fsharp", "fs fsx fsscript", aliases="f# fs"),
    _row("fsharp_signature", "fsi"),
    _row("func", "fc func"),
    _row("gdscript", "gd", aliases="gd godot"),
    _row("gitattributes", "gitattributes", ".gitattributes"),
    _row("gitcommit", "", "COMMIT_EDITMSG MERGE_MSG"),
    _row("gitignore", "gitignore",
         ".gitignore .dockerignore .npmignore .eslintignore .prettierignore .semlsignore"),
    _row("gleam", "gleam"),
    _row("glsl", "glsl vert frag geom comp tesc tese"),
    _row("gn", "gn gni"),
    _row("go", "go", aliases="golang"),
    _row("gomod", "", "go.mod", "go.mod"),
    _row("gosum", "", "go.sum go.work.sum", "go.sum"),
    _row("graphql", "graphql gql graphqls", aliases="gql"),
    _row("groovy", "groovy gvy gy gsh gradle", "Jenkinsfile", "gradle"),
    _row("hack", "hack hhi", aliases="hhvm"),
    _row("hare", "ha"),
    _row("haskell", "hs hs-boot", aliases="hs runhaskell"),
    _row("haxe", "hx"),
    _row("hcl", "hcl nomad", aliases="packer"),
    _row("heex", "heex leex neex"),
    _row("hlsl", "hlsl hlsli fx fxh"),
    _row("html", "html htm xhtml", aliases="htm"),
    _row("hyprlang", "", "hyprland.conf hyprpaper.conf hyprlock.conf hypridle.conf"),
    _row("ini", "ini cfg conf desktop service timer socket mount",
         ".editorconfig .gitconfig .gitmodules .flake8 .coveragerc .pylintrc .npmrc .pypirc", "conf"),
    _row("ispc", "ispc"),
    _row("janet", "janet jdn"),
    _row("java", "java jav", aliases="jsh"),
    _row("javascript", "js jsx mjs cjs es6 jsm", "Jakefile",
         "js jsx mjs cjs javascriptreact node nodejs ecmascript"),
    _row("json", "json json5 jsonc jsonl ndjson geojson webmanifest ipynb har code-workspace",
         ".babelrc .eslintrc .prettierrc .swcrc composer.lock Pipfile.lock", "jsonc json5"),
    _row("jsonnet", "jsonnet libsonnet"),
    _row("julia", "jl", aliases="jl"),
    _row("kconfig", "", "Kconfig Kconfig.debug"),
    _row("kdl", "kdl"),
    _row("kotlin", "kt kts ktm", aliases="kt kts"),
    _row("latex", "tex sty ltx dtx", aliases="tex"),
    _row("linkerscript", "ld lds"),
    _row("llvm", "ll", aliases="llvm-ir"),
    _row("lua", "lua rockspec wlua", ".luacheckrc .busted", "luajit"),
    _row("luau", "luau"),
    _row("magik", "magik"),
    _row("make", "mk mak make", "Makefile makefile GNUmakefile BSDmakefile Makefile.am Makefile.in Kbuild",
         "makefile gmake"),
    _row("markdown", "md markdown mdown mkd mkdn mdx mdc", aliases="md"),
    _row("matlab", "m mlx matlab", aliases="octave"),
    _row("mermaid", "mmd mermaid"),
    _row("meson", "", "meson.build meson_options.txt meson.options"),
    _row("netlinx", "axs axi"),
    _row("nim", "nim nims nimble"),
    _row("ninja", "ninja"),
    _row("nix", "nix"),
    _row("nqc", "nqc"),
    _row("objc", "h m mm", aliases="objective-c objectivec obj-c", content_pattern=_OBJC),
    _row("ocaml", "ml", aliases="ml"),
    _row("ocaml_interface", "mli", aliases="mli"),
    _row("odin", "odin"),
    _row("org", "org", aliases="orgmode org-mode"),
    _row("pascal", "pas dpr dpk lpr lfm", aliases="delphi"),
    _row("pem", "pem crt"),
    _row("perl", "pl pm t psgi", "cpanfile Makefile.PL", "pl"),
    _row("pgn", "pgn"),
    _row("php", "php phtml php3 php4 php5 php7 php8 phps", ".php-cs-fixer.dist.php"),
    _row("po", "po pot", aliases="gettext"),
    _row("pony", "pony"),
    _row("powershell", "ps1 psm1 psd1", aliases="ps1 pwsh"),
    _row("prisma", "prisma"),
    _row("properties", "properties", ".env"),
    _row("proto", "proto", aliases="protobuf proto3"),
    _row("psv", "psv"),
    _row("puppet", "pp"),
    _row("purescript", "purs"),
    _row("pymanifest", "", "MANIFEST.in"),
    _row("python", "py pyi pyw pyx pxd pxi wsgi", "wscript .pythonstartup SConstruct SConscript",
         "py python2 python3 pypy uv"),
    _row("qmldir", "", "qmldir"),
    _row("qmljs", "qml", aliases="qml"),
    _row("r", "r rprofile", ".Rprofile", "rscript rlang"),
    _row("racket", "rkt rktd rktl"),
    _row("re2c", "re re2c"),
    _row("readline", "inputrc", ".inputrc inputrc"),
    _row("rego", "rego"),
    _row("requirements", "", "requirements.txt requirements-dev.txt dev-requirements.txt constraints.txt"),
    _row("ron", "ron"),
    _row("rst", "rst rest", aliases="restructuredtext"),
    _row("ruby", "rb rake gemspec ru rbw podspec thor jbuilder builder",
         "Rakefile Gemfile Guardfile Capfile Vagrantfile Podfile Fastfile Appfile Brewfile Berksfile "
         "Thorfile .irbrc .pryrc", "rb jruby"),
    _row("rust", "rs", aliases="rs"),
    _row("scala", "scala sc sbt", aliases="sbt"),
    _row("scheme", "scm ss sld sls", aliases="scm guile"),
    _row("scss", "scss"),
    _row("smali", "smali"),
    _row("smithy", "smithy"),
    _row("solidity", "sol", aliases="sol"),
    _row("sparql", "rq sparql"),
    _row("sql", "sql ddl dml pgsql psql", aliases="mysql postgresql postgres sqlite"),
    _row("squirrel", "nut"),
    _row("starlark", "bzl star bazel", "BUILD BUILD.bazel WORKSPACE WORKSPACE.bazel MODULE.bazel Tiltfile",
         "bazel bzl"),
    _row("svelte", "svelte"),
    _row("swift", "swift"),
    _row("tablegen", "td"),
    _row("tcl", "tcl tk tm", aliases="tclsh wish"),
    _row("terraform", "tf tfvars tofu", aliases="tf opentofu", query="hcl"),
    _row("thrift", "thrift"),
    _row("toml", "toml", "Cargo.lock poetry.lock uv.lock Pipfile"),
    _row("tsv", "tsv tab"),
    _row("tsx", "tsx", aliases="typescriptreact", query="typescript"),
    _row("twig", "twig"),
    _row("typescript", "ts mts cts", aliases="ts mts cts deno tsnode"),
    _row("typst", "typ"),
    _row("udev", "rules"),
    _row("ungrammar", "ungram"),
    _row("uxntal", "tal"),
    _row("v", "v vsh vv", aliases="vlang"),
    _row("verilog", "sv svh vh vlg", aliases="systemverilog sv"),
    _row("vhdl", "vhd vhdl"),
    _row("vim", "vim vimrc", ".vimrc _vimrc .gvimrc .ideavimrc", "viml vimscript"),
    _row("vue", "vue"),
    _row("wast", "wast"),
    _row("wat", "wat", aliases="wasm"),
    _row("wgsl", "wgsl"),
    _row("xcompose", "", ".XCompose"),
    _row("xml", "xml xsd xsl xslt svg rss atom plist xaml csproj vbproj fsproj props targets nuspec resx "
                "wsdl kml ui qrc storyboard xib"),
    _row("yaml", "yaml yml", ".clang-format .clang-tidy .clangd .yamllint", "yml"),
    _row("yuck", "yuck"),
    _row("zig", "zig zon"),
)
# fmt: on

TEXT = Language("text", grammar=None, extensions=("txt",), aliases=("plaintext", "plain"))

_LANGUAGES = (*_TABLE, TEXT)
_BY_NAME = {name: language for language in _LANGUAGES for name in (*language.aliases, language.name)}
_BY_FILENAME = {name: language for language in _LANGUAGES for name in language.filenames}
_BY_EXTENSION = {
    extension: [language for language in _LANGUAGES if extension in language.extensions]
    for extension in {extension for language in _LANGUAGES for extension in language.extensions}
}

NAMES = tuple(sorted(language.name for language in _LANGUAGES))


def detect(path: str, content: bytes) -> Language:
    """Return the language of a file, TEXT if it is unknown.

    The first of these that is known decides: the file name, its longest extension, its first part (as in
    Dockerfile.dev), and the interpreter in the first line. If languages share the extension, the content
    decides.
    """
    filename = path.replace("\\", "/").rpartition("/")[2]
    if filename in _BY_FILENAME:
        return _BY_FILENAME[filename]
    _, *parts = filename.lower().split(".")
    for index in range(len(parts)):
        extension = ".".join(parts[index:])
        if extension in _BY_EXTENSION:
            return _disambiguate(_BY_EXTENSION[extension], content)
    first_part = filename.partition(".")[0]
    if first_part in _BY_FILENAME:
        return _BY_FILENAME[first_part]
    shebang = _SHEBANG.match(content[:_MAX_SHEBANG_BYTES].removeprefix(b"\xef\xbb\xbf"))
    interpreter = shebang[1].decode("latin-1") if shebang else ""
    return by_name(interpreter) or TEXT


def _disambiguate(candidates: Sequence[Language], content: bytes) -> Language:
    if len(candidates) == 1:
        return candidates[0]
    for language in candidates:
        if language.content_pattern and language.content_pattern.search(content):
            return language
    return next(language for language in candidates if not language.content_pattern)


def by_name(name: str) -> Language | None:
    """Return the language with this name or alias, in any case, or None."""
    return _BY_NAME.get(name.strip().lower())


@cache
def definition_query(language: Language) -> str:
    """Return the text of the query for a language's definitions, or "" if there is none."""
    file = resources.files(__name__) / f"{language.query}.scm"
    return file.read_text("utf-8") if file.is_file() else ""
