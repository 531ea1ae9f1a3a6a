"""What documents take from the code: python -m tests.documents writes it into them."""

from dataclasses import fields
from pathlib import Path

from semls.settings import EngineSettings, Settings

ROOT = Path(__file__).parents[1]
HEAD = "| in the environment | for an editor | default | |\n|---|---|---|---|\n"


def settings_table() -> str:
    """Every setting, as the README lists them."""
    rows = ""
    for kind in (Settings, EngineSettings):
        for field in fields(kind):
            about, editor = field.metadata, f"`{field.name}`" if kind is Settings else ""
            cells = (about["variable"], editor, about["shown"], about["says"])
            rows += f"| {' | '.join(cells)} |\n".replace("|  |", "| |")
    return HEAD + rows


def main() -> None:
    """Bring the README up to date."""
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text("utf-8").partition(HEAD)
    behind = rest[rest.index("\n\n") + 1 :]
    readme.write_text(before + settings_table() + behind, "utf-8")


if __name__ == "__main__":
    main()
