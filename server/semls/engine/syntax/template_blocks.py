"""Find the named parts of templates: macros, blocks and sections, in texts of any language."""

import re
from dataclasses import dataclass, field

from semls.engine.syntax.definition import Definition
from semls.engine.syntax.languages import Language
from semls.engine.syntax.leading_nodes import LeadingNode
from semls.engine.syntax.source import Source

_LAYER = -1  # the group of the definitions, so that their names are not part of those in other languages
_MAX_DEPTH = 40  # of nested statements
_MAX_TAG = 300  # bytes of the last tag of a part
_MAX_COMMENT = 2000  # bytes
_MIN_LINES = 3  # of a block; a shorter one is part of its page

# The beginning of a statement: with two groups, its word and its name, if it has a name; with one, its word.
# A value in the tag itself is no part: {% block title 'Cart' %}, @section('title', 'Cart').
_STATEMENT = re.compile(
    rb"""
    \{%[-+~]?\s{0,20} (?:  # Jinja, Twig, Nunjucks, Liquid, Django, dbt
        (macro|snapshot|test|data_test|materialization|partialdef) \s{1,20} ([\w.-]+)
      | (block) \s{1,20} ([\w.-]+) (?= (?: \s{1,20} (?: scoped | required ) ){0,2} \s{0,20} [-+~]? %\} )
      | (end(?:macro|snapshot|test|data_test|materialization|partialdef|block)) \b
    )
  | \{\{[-~]?\s{0,20} (?:  # Go, Helm; Handlebars
        (define|block) \s{1,20} ["`] ([^"`\n]+) ["`]
      | (if|range|with|end) \b
      | \#\*\s{0,20} (inline) \s{1,20} ["'] ([^"'\n]+) ["']
      | (/inline) \b
    )
  | ^[ \t]* @(?:  # Blade
        (section|push|prepend|slot) \( ["'] ([\w.:-]+) ["'] \)
      | (component) \( ["'] ([\w.:-]+) ["']
      | (end(?:section|push|prepend|slot|component)) \b
      | (show|stop|append|overwrite) \b
    )
  | (?P<comment> \{\# | \{\{[-~]?\s{0,20}/\* )
    """,
    re.MULTILINE | re.VERBOSE,
)
_FUNCTIONS = frozenset(
    (b"macro", b"snapshot", b"test", b"data_test", b"materialization", b"define", b"inline")
)
_ENDED_BY = {  # words that end several statements, or that do not name the one they end
    b"end": frozenset((b"define", b"block", b"if", b"range", b"with")),
    b"/inline": frozenset((b"inline",)),
    **dict.fromkeys((b"show", b"stop", b"append", b"overwrite"), frozenset((b"section",))),
}


@dataclass(slots=True)
class TemplateBlocks:
    """The named parts of a template, and its comments by their starts."""

    definitions: list[Definition] = field(default_factory=list)
    comments: dict[int, LeadingNode] = field(default_factory=dict)


def find_template_blocks(source: Source, language: Language) -> TemplateBlocks:
    """Return the named parts of a file, none if its language is not that of a template."""
    blocks = TemplateBlocks()
    if "{" not in language.tags and language.name != "twig":
        return blocks
    data = source.data
    pending: list[tuple[bytes, Definition | None]] = []  # statements that have not ended, with their words
    position = 0
    for match in _STATEMENT.finditer(data):
        if match.start() < position:
            continue
        if match["comment"]:
            position = _end_of_tag(data, match, _MAX_COMMENT)
            blocks.comments[match.start()] = LeadingNode(position, is_comment=True)
            continue
        word, *name = filter(None, match.groups())
        ended = _ENDED_BY.get(word) or {word.removeprefix(b"end")}
        if name:
            pending.append((word, _definition(source, match, word)))
        elif word in (b"if", b"range", b"with"):
            pending.append((word, None))
        elif depth := next((depth for depth, one in enumerate(reversed(pending), 1) if one[0] in ended), 0):
            definition = pending[-depth][1]
            del pending[-depth:]
            if definition and _end(source, definition, _end_of_tag(data, match, _MAX_TAG)):
                blocks.definitions.append(definition)
        del pending[:-_MAX_DEPTH]
    return blocks


def _definition(source: Source, match: re.Match[bytes], word: bytes) -> Definition:
    name = match.span(match.lastindex or 0)
    kind = "function" if word in _FUNCTIONS else "module"
    start = source.strip(match.start(), match.end())[0]
    return Definition(kind, start, match.end(), name=source.text(*name), selection=name, layer=_LAYER)


def _end(source: Source, definition: Definition, end: int) -> bool:
    """Set the end of a definition. Return whether it is long enough for one."""
    definition.end = end
    lines = source.data.count(b"\n", definition.start, end) + 1
    return definition.kind == "function" or lines >= _MIN_LINES


def _end_of_tag(data: bytes, match: re.Match[bytes], maximum: int) -> int:
    """Return where the tag ends that begins with a match, which is the whole tag in Blade."""
    opening = match[0].lstrip()[:2]
    closing = {b"{%": b"%}", b"{{": b"}}", b"{#": b"#}"}.get(opening)
    end = data.find(closing, match.start() + 2, match.start() + maximum) if closing else -1
    return end + 2 if end >= 0 else match.end()
