"""Write the descriptions of the settings into documents: python -m tests.support.documents"""

import json
import re
from dataclasses import Field, fields
from pathlib import Path
from typing import Any

from semls.settings import EngineSettings, Server, Settings

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "editors" / "vscode" / "package.json"
HEAD = "| in the environment | for an editor | default | |\n|---|---|---|---|\n"
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
    if field.name == "store":
        keys: dict[str, Any] = {one.name: {"type": "string"} for one in fields(Server)}
        keys["headers"] = {"type": "object", "additionalProperties": {"type": "string"}}
        shape = {"type": "object", "default": {}, "properties": keys, "additionalProperties": False}
    return {**shape, "scope": "resource", "markdownDescription": description}


def main() -> None:
    """Write the settings into server/REFERENCE.md and into the VS Code extension."""
    reference = ROOT / "server" / "REFERENCE.md"
    before, _, rest = reference.read_text("utf-8").partition(HEAD)
    after = rest[rest.index("\n\n") + 1 :]
    reference.write_text(before + settings_table() + after, "utf-8")
    package = json.loads(PACKAGE.read_text("utf-8"))
    configuration = package["contributes"]["configuration"]
    own = {key: value for key, value in configuration["properties"].items() if key == "semls.path"}
    configuration["properties"] = own | vscode_settings()
    PACKAGE.write_text(json.dumps(package, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
