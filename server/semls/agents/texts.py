"""The skill and the subagent that are installed, from `editors/agents`."""

import hashlib
import json
import re
from pathlib import Path

_SIGNATURE = re.compile(r"\n(?:<!-- |# )Written by semls agent install: ([0-9a-f]{16})(?: -->)?\n\Z")
_FRONT_MATTER = re.compile(
    r"---\nname: (?P<name>.+)\ndescription: (?P<description>.+)\n(?:.+\n)*?---\n\n", re.MULTILINE
)


def skill() -> str:
    """Return the skill, which has the same form for all agents."""
    return _signed(_read("skills/semls/SKILL.md"), "<!-- {} -->")


def subagent(front_matter: str) -> str:
    """Return the subagent as Markdown, with the front matter of an agent."""
    name, description, body = _subagent()
    head = f"name: {name}\ndescription: {description}\n{front_matter}".rstrip()
    return _signed(f"---\n{head}\n---\n\n{body}", "<!-- {} -->")


def subagent_toml() -> str:
    """Return the subagent as TOML, in the form of Codex."""
    name, description, body = _subagent()
    fields = {"name": name, "description": description, "sandbox_mode": "read-only"}
    lines = [f"{key} = {json.dumps(value)}" for key, value in fields.items()]
    return _signed("\n".join([*lines, f"developer_instructions = '''\n{body}'''", ""]), "# {}")


def is_unchanged(text: str) -> bool:
    """Return whether a text is as one of these functions returned it, in this or in another version."""
    text = text.replace("\r\n", "\n")
    signature = _SIGNATURE.search(text)
    return signature is not None and signature[1] == _hash(text[: signature.start()])


def _subagent() -> tuple[str, str, str]:
    text = _read("agents/semls.md")
    head = _FRONT_MATTER.match(text)
    if head is None:
        raise ValueError("agents/semls.md has no front matter")
    return head["name"], head["description"], text[head.end() :]


def _signed(text: str, comment: str) -> str:
    signature = comment.format(f"Written by semls agent install: {_hash(text)}")
    return f"{text}\n{signature}\n"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _read(name: str) -> str:
    packaged = Path(__file__).parent / "texts"  # does not exist in a source tree
    folder = packaged if packaged.is_dir() else Path(__file__).parents[3] / "editors" / "agents"
    return (folder / name).read_text("utf-8").replace("\r\n", "\n")
