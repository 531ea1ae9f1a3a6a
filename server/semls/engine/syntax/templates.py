"""Hide the tags of template languages, so that the text around them can be parsed in its own language."""

import re

# By the last extension of a file. The extension before it is that of the text.
_OPENINGS = {
    **dict.fromkeys(
        "j2 jinja jinja2 njk nunjucks twig liquid tera tmpl tpl gotmpl hbs mustache".split(), "{"
    ),
    **dict.fromkeys("erb ejs eta epp eex".split(), "<"),
    **dict.fromkeys("ftl vm mako".split(), ""),  # their tags disturb parsers little
}
SUFFIXES = frozenset(_OPENINGS)
_PARSED = frozenset(("embeddedtemplate", "ejs", "twig"))  # their grammars know the tags
# Languages whose files often contain tags: pages, Helm charts, dbt models.
_OFTEN_TEMPLATES = {"html": "{<", "xml": "{<", "yaml": "{", "sql": "{"}

_MAX_TAG = 2000  # bytes; a longer one is code with similar brackets
_OPENING = re.compile(rb"\{[{%#]|<%(?!!)")
_CLOSING = {b"{{": b"}}", b"{%": b"%}", b"{#": b"#}", b"<%": b"%>"}
# Comments and statements stand for no text.
_NO_TEXT = re.compile(
    rb"\{[%#]|<%(?!=)"
    rb"|\{\{[-~]?\s*(?:[#/^!>*]|(?:if|else|end|range|with|define|template|block|break|continue)\b)"
)
_NOT_LINE_BREAK = re.compile(rb"[^\r\n]")


def first_characters(path: str, language: str) -> str:
    """Return the first characters of the tags that a file in a language may contain."""
    if language in _PARSED:
        return ""
    path = path.lower()
    if path.endswith(".blade.php"):
        return "{"
    return _OPENINGS.get(path.rpartition(".")[2], "") or _OFTEN_TEMPLATES.get(language, "")


def hide_tags(text: bytes, openings: str) -> bytes:
    """Replace the tags that begin with one of some characters, at unchanged offsets.

    Each is replaced by a word, or by spaces if it stands for no text.
    """
    if not openings:
        return text
    parts: list[bytes] = []
    position = 0
    for opening in _OPENING.finditer(text):
        closing = _CLOSING[opening[0]]
        if opening.start() < position or opening[0][:1].decode() not in openings:
            continue
        end = text.find(closing, opening.end(), opening.end() + _MAX_TAG)
        if end < 0:
            continue
        end += len(closing)
        tag = text[opening.start() : end]
        parts += text[position : opening.start()], _NOT_LINE_BREAK.sub(_replacement(tag), tag)
        position = end
    return b"".join([*parts, text[position:]])


def _replacement(tag: bytes) -> bytes:
    return b" " if _NO_TEXT.match(tag) else b"x"
