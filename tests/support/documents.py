"""Write the settings, the models and the languages into documents: python -m tests.support.documents"""

import json
import re
import textwrap
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from semls.engine.models.presets import FACTS
from semls.engine.syntax import languages
from semls.settings import EngineSettings, Server, Settings

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "editors" / "vscode" / "package.json"
# Of the VS Code extension, which does not send them as settings to the server.
OWN_SETTINGS = tuple(
    f"semls.{name}"
    for name in ("path", "enabled", "maxResults", "exclude", "codeLens", "askCommand", "askUrl", "askModel")
)
HEAD = "| in the environment | for an editor | default | |\n|---|---|---|---|\n"
MODELS_HEAD = "| model | | parameters | download | time | published quality |\n|---|---|---|---|---|---|\n"
LANGUAGES_HEAD = "semls knows the definitions, sections or keys of files in\n\n"
# Of languages whose title is not their name in title case.
TITLES = """
    actionscript=ActionScript, apex=Apex, asciidoc=AsciiDoc, asm=Assembly, awk=AWK, bibtex=BibTeX,
    bicep=Bicep, bitbake=BitBake, bsl=BSL, capnp=Cap'n Proto, cmake=CMake, cobol=COBOL,
    commonlisp=Common Lisp, cpp=C++, csharp=C#, css=CSS, cuda=CUDA, dockerfile=Dockerfiles, ejs=EJS,
    elisp=Emacs Lisp, embeddedtemplate=ERB, fish=Fish, fsharp=F#, fsharp_signature=F# signatures, func=FunC,
    gdscript=GDScript, glsl=GLSL, gn=GN, graphql=GraphQL, hcl=HCL, hlsl=HLSL, html=HTML, ini=INI, ispc=ISPC,
    javascript=JavaScript, json=JSON, latex=LaTeX, llvm=LLVM IR, make=Makefiles, matlab=MATLAB,
    objc=Objective-C, ocaml=OCaml, ocaml_interface=OCaml interfaces, org=Org, pascal=Pascal and Delphi,
    php=PHP, powershell=PowerShell, proto=Protobuf, purescript=PureScript, qmljs=QML, rst=reStructuredText,
    scss=SCSS, sql=SQL, starlark=Starlark and Bazel, tablegen=TableGen, toml=TOML, tsx=TSX,
    typescript=TypeScript, vbnet=Visual Basic, verilog=Verilog and SystemVerilog, vhdl=VHDL, vim=Vim script,
    vim9script=Vim9 script, wat=WebAssembly text, wgsl=WGSL, xml=XML, yaml=YAML
"""
LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")


def settings_table() -> str:
    """Return the table of all settings in server/REFERENCE.md."""
    rows = ""
    for kind in (Settings, EngineSettings):
        for field in fields(kind):
            about, editor = field.metadata, f"`{field.name}`" if kind is Settings else ""
            cells = (about["variable"], editor, about["default"], about["description"])
            rows += f"| {' | '.join(cells)} |\n".replace("|  |", "| |")
    return HEAD + rows


def models_table() -> str:
    """Return the table of the presets in server/REFERENCE.md."""
    return MODELS_HEAD + "".join(
        f"| `{model.name}` | {facts.summary} | {facts.parameters} M | {facts.megabytes} MB "
        f"| {facts.relative_time:g} | [{facts.quality}]({facts.source}) |\n"
        for model, facts in FACTS.items()
    )


def languages_with_definitions() -> list[str]:
    """Return the names of the languages whose definitions are found."""
    found = (languages.by_name(name) for name in languages.NAMES)
    return [
        language.name
        for language in found
        if language and (languages.definition_query(language) or languages.header_pattern(language))
    ]


def language_list() -> str:
    """Return the list of languages with definitions in server/REFERENCE.md."""
    titles = dict(entry.strip().split("=") for entry in TITLES.split(","))
    found = sorted((titles.pop(name, name.title()) for name in languages_with_definitions()), key=str.lower)
    assert not titles, f"No such languages: {', '.join(titles)}"
    text = f"{', '.join(found[:-1])} and {found[-1]}."
    return LANGUAGES_HEAD + "\n".join(textwrap.wrap(text, 118, break_on_hyphens=False)) + "\n\n"


def vscode_settings() -> dict[str, Any]:
    """Return the settings of an editor in the format of VS Code's package.json."""
    return {f"semls.{field.name}": _property(field) for field in fields(Settings)}


def _property(field: "Field[Any]") -> dict[str, Any]:
    about = field.metadata
    text = LINK.sub(r"\1", about["description"])
    description = (
        f"{text[0].upper()}{text[1:]}. If empty, semls uses {about['variable']}; "
        f"the default is {about['default']}."
    )
    shape: dict[str, Any] = {"type": "string", "default": ""}
    if field.name == "model":
        # The first alternative completes the presets, the second one accepts folders.
        names = [model.name for model in FACTS]
        facts = [f"{one}." for one in FACTS.values()]
        presets = {"enum": ["", *names], "enumDescriptions": ["As described above.", *facts]}
        shape["anyOf"] = [presets, {"pattern": r"^(/|~|\\\\|[A-Za-z]:)"}]
    if field.name == "store":
        keys: dict[str, Any] = {one.name: {"type": "string"} for one in fields(Server)}
        keys["headers"] = {"type": "object", "additionalProperties": {"type": "string"}}
        shape = {"type": "object", "default": {}, "properties": keys, "additionalProperties": False}
    if field.name == "languages":
        shape = {"type": "object", "default": {}, "additionalProperties": {"type": "string"}}
    return {**shape, "scope": "resource", "markdownDescription": description}


def main() -> None:
    """Write all of them into server/REFERENCE.md, and the settings into the VS Code extension."""
    reference = ROOT / "server" / "REFERENCE.md"
    before, _, rest = reference.read_text("utf-8").partition(HEAD)
    text = before + settings_table() + rest[rest.index("\n\n") + 1 :]
    before, _, rest = text.partition(MODELS_HEAD)
    text = before + models_table() + rest[rest.index("\n\n") + 1 :]
    before, _, rest = text.partition(LANGUAGES_HEAD)
    text = before + language_list() + rest[rest.index("\n\n") + 2 :]
    reference.write_text(text, "utf-8")
    package = json.loads(PACKAGE.read_text("utf-8"))
    configuration = package["contributes"]["configuration"]
    own = {key: configuration["properties"][key] for key in OWN_SETTINGS}
    configuration["properties"] = own | vscode_settings()
    PACKAGE.write_text(json.dumps(package, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
