"""Build a benchmark of definitions: the first sentence of a function's documentation asks for the function.

The documentation of the chosen functions is deleted from the files that are searched, as in CodeSearchNet
(H. Husain et al., 2019). Line numbers do not change.
"""

import hashlib
import re
import shutil
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tree_sitter import Node

from semls.engine.syntax import languages
from semls.engine.syntax.definition import Definition
from semls.engine.syntax.headers import Headers
from semls.engine.syntax.injection import Region
from semls.engine.syntax.languages import Language
from semls.engine.syntax.outline import build_outline
from semls.engine.syntax.parse import Match, parse
from semls.engine.syntax.source import Source as Content
from semls.engine.syntax.template_blocks import TemplateBlocks
from tests.bench.build.layout import (
    MAX_QUESTIONS,
    MAX_QUESTIONS_OF_FILE,
    MIN_QUESTIONS,
    BenchmarkWriter,
    Item,
    Source,
    add_each,
    check_out,
    is_source,
    main_language,
)

MIN_WORDS, MAX_WORDS = 5, 25
MIN_LINES = 4  # of a function
MAX_FILE_SIZE = 400_000

_FUNCTIONS = frozenset({"function", "method", "constructor"})
_PLACEHOLDER = b"..."  # replaces the quotes of a docstring, so that no body becomes empty
_LINK = re.compile(r"\{@\w+ ([^}]*)\}")
_TAG = re.compile(r"<[^<>]{1,40}>")
# A blank line, or the start of a list of parameters, ends the first paragraph.
_PARAGRAPH_END = re.compile(
    r"\n\s*(\n|[@\\]\w|:(arg|param|raises?|returns?|rtype|type)\b|(Args|Argument|Example|Note|Parameter|Return)s?\b)"
)
_SENTENCE_END = re.compile(r"(?<=[a-z0-9)`])\.(?=\s|$)")
_NOISE = re.compile(
    r"@|(copyright|deprecated|eslint|fixme|internal|licen[cs]e|noqa|private|see|todo|ts)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class DocumentedFunction:
    """A function and the spans of its documentation, in bytes of the file."""

    path: str
    name: str
    text: str
    first_line: int
    last_line: int
    comments: tuple[tuple[int, int], ...]
    docstring: tuple[int, int] | None


def build(folder: Path, sources: Iterable[Source]) -> None:
    """Write the benchmark. Repositories with few questions are left out."""
    add_each(folder, sources, _add)


def _add(writer: BenchmarkWriter, source: Source) -> None:
    checkout = writer.new_checkout(source.name)
    if (source.path / "objects").is_dir() or (source.path / ".git").exists():
        check_out(source.path, "HEAD", checkout)
    else:
        shutil.copytree(source.path, checkout, dirs_exist_ok=True, symlinks=True)
    found = _questions(list(documented_functions(checkout)))
    chosen = choose(found)
    print(f"{source.name}: {len(chosen)} questions of {len(found)}")
    if len(chosen) >= MIN_QUESTIONS:
        delete_documentation(checkout, chosen)
        items = list(map(_item, chosen))
        writer.add({"name": source.name, "language": main_language(items)}, items)


def _questions(functions: Sequence[DocumentedFunction]) -> list[DocumentedFunction]:
    """Return the functions whose documentation is a question with one answer."""
    uses = Counter(function.text for function in functions)
    return [function for function in functions if uses[function.text] == 1 and is_question(function)]


def documented_functions(checkout: Path) -> Iterator[DocumentedFunction]:
    """Yield the documented functions of all source files."""
    for file in sorted(checkout.rglob("*")):
        path = file.relative_to(checkout).as_posix()
        if not is_source(path) or file.is_symlink() or not file.is_file():
            continue
        content = file.read_bytes()
        language = languages.detect(path, content)
        if len(content) <= MAX_FILE_SIZE and languages.definition_query(language):
            yield from _functions_of_file(path, content, language)


def _functions_of_file(path: str, data: bytes, language: Language) -> Iterator[DocumentedFunction]:
    content = Content(data)
    layers = parse([Region.file(language, len(content.data))], content.for_parser())
    documentation = _Documentation([match for layer in layers for match in layer.matches])
    for definition in _descendants(build_outline(content, layers, Headers(), TemplateBlocks())):
        if definition.kind not in _FUNCTIONS or not definition.doc:
            continue
        docstring = documentation.docstring(definition)
        comments = () if docstring else documentation.comments(definition)
        span = content.span(definition.head, definition.end)
        yield DocumentedFunction(
            path,
            definition.name,
            first_sentence(definition.doc),
            span.start.row + 1,
            span.end.row + 1,
            comments,
            docstring,
        )


class _Documentation:
    """The comments and docstrings of a file, by their offsets."""

    def __init__(self, matches: Sequence[Match]) -> None:
        comments: set[tuple[int, int]] = set()
        self._docstrings: dict[int, Node] = {}  # by the start of the body
        for _, captures in matches:
            comments.update((node.start_byte, node.end_byte) for node in captures.get("comment", ()))
            for node in captures.get("doc", ()):
                self._docstrings[captures.get("body", [node])[0].start_byte] = node
        self._comments = sorted(comments)

    def docstring(self, definition: Definition) -> tuple[int, int] | None:
        """Return the span of the string that documents a definition in its body."""
        node = self._docstrings.get(definition.body[0]) if definition.body else None
        return (node.start_byte, node.end_byte) if node else None

    def comments(self, definition: Definition) -> tuple[tuple[int, int], ...]:
        """Return the spans of the comments above a definition."""
        offsets = (definition.start, definition.head)
        first, last = (bisect_left(self._comments, (offset, 0)) for offset in offsets)
        return tuple(self._comments[first:last])


def _descendants(definition: Definition) -> Iterator[Definition]:
    for child in definition.children:
        yield child
        yield from _descendants(child)


def first_sentence(documentation: str) -> str:
    """Return the first sentence of a documentation, without markup."""
    text = _TAG.sub(" ", _LINK.sub(r"\1", documentation)).strip()
    end = _PARAGRAPH_END.search(text)
    paragraph = " ".join(text[: end.start() if end else None].split())
    return _SENTENCE_END.split(paragraph, maxsplit=1)[0].strip(" .:*")


def is_question(function: DocumentedFunction) -> bool:
    """Return whether the documentation describes a function that is not trivial, without naming it."""
    words = re.findall(r"[A-Za-z]{2,}", function.text)
    is_long = function.last_line - function.first_line + 1 >= MIN_LINES
    names_function = function.name.lower().strip("_") in function.text.lower()
    is_noise = _NOISE.match(function.text) or "://" in function.text
    return MIN_WORDS <= len(words) <= MAX_WORDS and is_long and not names_function and not is_noise


def choose(functions: Iterable[DocumentedFunction]) -> list[DocumentedFunction]:
    """Return functions in a random but stable order, a few of each file."""
    chosen: list[DocumentedFunction] = []
    uses: Counter[str] = Counter()
    for function in sorted(functions, key=_random_key):
        if uses[function.path] < MAX_QUESTIONS_OF_FILE:
            uses[function.path] += 1
            chosen.append(function)
    return chosen[:MAX_QUESTIONS]


def _random_key(function: DocumentedFunction) -> str:
    position = f"{function.path}:{function.first_line}"
    return hashlib.sha256(position.encode()).hexdigest()


def delete_documentation(checkout: Path, functions: Iterable[DocumentedFunction]) -> None:
    """Replace the documentation of the functions by spaces, without changing the number of lines."""
    by_path = defaultdict(list)
    for function in functions:
        by_path[function.path].append(function)
    for path, functions_of_file in by_path.items():
        content = bytearray((checkout / path).read_bytes())
        for function in functions_of_file:
            for start, end in function.comments:
                content[start:end] = _blank(content[start:end])
            if function.docstring:
                start, end = function.docstring
                content[start:end] = _PLACEHOLDER + _blank(content[start + len(_PLACEHOLDER) : end])
        (checkout / path).write_bytes(content)


def _blank(text: bytearray) -> bytes:
    return re.sub(rb"[^\r\n]", b" ", text)


def _item(function: DocumentedFunction) -> Item:
    lines = {"start_line": function.first_line, "end_line": function.last_line}
    return {
        "query": function.text,
        "category": "docs",
        "relevant": [{"path": function.path, **lines}],
        "secondary": [],
        "name": function.name,
    }
