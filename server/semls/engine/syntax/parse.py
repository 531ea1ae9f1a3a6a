"""Parse a file with tree-sitter and run its language's query."""

from functools import cache

from tree_sitter import Node, Parser, Query, QueryCursor, Range
from tree_sitter_language_pack import get_language

from semls.engine.syntax import languages
from semls.engine.syntax.languages import Language

Match = tuple[int, dict[str, list[Node]]]  # index of the pattern in the query, nodes by capture name


def parse(language: Language, text: bytes) -> tuple[Node, list[Match]]:
    """Return the root of the syntax tree, and the matches of the language's query, if it has one.

    The contents of nodes that the query captures as `@inline` are parsed again on their own, and so on.
    """
    parser = Parser(get_language(language.grammar))
    root = parser.parse(text).root_node
    matches = new_matches = _run_query(language, root)
    while True:
        inline_nodes = [node for _, captures in new_matches for node in captures.get("inline", ())]
        if not inline_nodes:
            return root, matches
        parser.included_ranges = [_range_inside(node) for node in inline_nodes]
        new_matches = _run_query(language, parser.parse(text).root_node)
        matches = matches + new_matches


def _run_query(language: Language, root: Node) -> list[Match]:
    query = _query(language)
    return QueryCursor(query).matches(root) if query else []


@cache
def _query(language: Language) -> Query | None:
    source = languages.definition_query(language)
    return Query(get_language(language.grammar), source) if source else None


def _range_inside(brackets: Node) -> Range:
    """Return the range of a node without its first and its last byte."""
    start, end = brackets.start_point, brackets.end_point
    return Range(
        (start.row, start.column + 1),
        (end.row, end.column - 1),
        brackets.start_byte + 1,
        brackets.end_byte - 1,
    )
