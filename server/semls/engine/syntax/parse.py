"""Parse a file with tree-sitter, and the texts in other languages that are injected into it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import count, islice
from typing import NamedTuple

from tree_sitter import Node, Parser, Query, QueryCursor
from tree_sitter_language_pack import get_language

from semls.engine.syntax import languages
from semls.engine.syntax.injection import Region, find_regions, has_injections
from semls.engine.syntax.languages import Language

Match = tuple[int, dict[str, list[Node]]]  # index of the pattern in the query, nodes by capture name

_MAX_DEPTH = 5  # of injections in injections
_MAX_LAYERS = 5_000  # of a file; each takes at least 0.1 ms


class Layer(NamedTuple):
    """A region of a file with its syntax tree.

    Layers of one `group` are parts of one text: those of the file itself in one language, and what a language
    injects into itself.
    """

    region: Region
    root: Node | None  # None if the language has no grammar
    matches: Sequence[Match]
    group: int

    @property
    def language(self) -> Language:
        """The language of the text."""
        return self.region.language


def parse(regions: Sequence[Region], text: bytes) -> list[Layer]:
    """Return the layers of a file: first its own regions, and each one before those injected into it."""
    numbers = count()
    groups: defaultdict[str, int] = defaultdict(lambda: next(numbers))  # by language
    layers = hosts = [_parse(region, text, groups[region.language.name]) for region in regions]
    for _ in range(_MAX_DEPTH):
        found = ((host, region) for host in hosts for region in _injected(host))
        hosts = [
            _parse(region, text, host.group if region.is_self else next(numbers))
            for host, region in islice(found, _MAX_LAYERS)
        ]
        layers = layers + hosts
    return layers


def _injected(host: Layer) -> Iterable[Region]:
    query = _query(host.language) if host.root else None
    return find_regions(host.region, query, host.matches) if query and has_injections(query) else ()


def _parse(region: Region, text: bytes, group: int) -> Layer:
    if not region.language.grammar:
        return Layer(region, None, [], group)
    parser = _parser(region.language)
    parser.included_ranges = region.ranges
    root = parser.parse(text).root_node
    query = _query(region.language)
    return Layer(region, root, QueryCursor(query).matches(root) if query else [], group)


@cache
def _parser(language: Language) -> Parser:
    return Parser(get_language(language.grammar))


@cache
def _query(language: Language) -> Query | None:
    source = languages.definition_query(language)
    return Query(get_language(language.grammar), source) if source else None
