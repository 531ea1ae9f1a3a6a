"""Full-text search with FTS5: BM25 over the names, signatures and bodies of chunks."""

import math
import re
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence

from semls.decoding import normalize
from semls.engine.storage.database import Database
from semls.engine.storage.filters import FilterCompiler, Filters
from semls.engine.storage.schema import FULLTEXT_COLUMNS, Entry, placeholders
from semls.engine.syntax import identifiers, languages, unspaced
from semls.engine.syntax.stems import canonical_word, canonical_words

# Weights of the columns in BM25. The body counts less than 1, because FTS5 fixes k1 at 1.2: with a weight of
# 0.6, repetitions count as with a k1 of 2.
_WEIGHTS = {"name": 5.0, "container": 1.5, "path": 2.5, "signature": 1.2, "body": 0.6, "body_words": 0.3}
_K1 = 1.2  # of BM25, as in FTS5
_MAX_FREQUENT_TERMS = 10  # that add to scores: a question has fewer, a piece of code has hundreds
_MAX_SCORED = 4000  # chunks that BM25 scores: two to three microseconds each

_FENCE = re.compile(r"^[ \t>]*(?:`{3,}|~{3,})[ \t]*\{?[ \t]*\.?([\w+#-]+)", re.MULTILINE)

_SCORE = f"-bm25(fulltext, {', '.join(str(_WEIGHTS[column]) for column in FULLTEXT_COLUMNS)})"
_INSERT = f"""
    INSERT INTO fulltext (rowid, {", ".join(FULLTEXT_COLUMNS)})
    VALUES (?, {placeholders(len(FULLTEXT_COLUMNS))})"""


class FullTextIndex:
    """The table `fulltext` of a catalog: one row for each chunk, with the same id.

    Methods raise StoreError.
    """

    def __init__(self, database: Database, filters: FilterCompiler) -> None:
        self._database, self._filters = database, filters

    def search(
        self,
        terms: Sequence[str],
        filters: Filters,
        limit: int,
        also: Collection[int] = (),
        auxiliary_factor: float = 1.0,
    ) -> dict[int, float]:
        """Return the chunks that contain any of the rarer terms, by id, with their scores.

        These are the best `limit` chunks that pass the filters, best first, and then those in `also`. For
        this choice, the scores of chunks in auxiliary files are multiplied by a factor, so that many short
        tests do not keep out what they test.

        A score is BM25 divided by its upper bound for these terms, so it lies between 0 and 1. Frequent terms
        only add to the scores of chunks that a rarer term finds; then the rarer terms count twice, because
        FTS5 scores each occurrence of a term in the expression.
        """
        frequencies = self.document_frequencies(dict.fromkeys(map(canonical_word, terms)), _MAX_SCORED)
        rarer = _rarer_terms(frequencies)
        if not rarer:
            return {}
        frequent = [term for term in frequencies if frequencies[term] and term not in rarer]
        frequent = frequent[:_MAX_FREQUENT_TERMS]
        expression = _expression(rarer, frequent)
        condition, parameters = self._filters.compile(filters)
        # A cross join makes SQLite find the rows with FTS5 first. To look up single rows there takes far
        # longer: FTS5 reads a list of rows from its start each time.
        rows = self._database.query(
            f"""WITH scored AS MATERIALIZED (
                SELECT chunks.id, is_auxiliary, {_SCORE} AS score
                FROM fulltext CROSS JOIN chunks ON chunks.id = fulltext.rowid
                WHERE fulltext MATCH ? AND {condition} LIMIT {_MAX_SCORED}
            )
            SELECT * FROM (
                SELECT id, score FROM scored
                ORDER BY score * CASE WHEN is_auxiliary THEN ? ELSE 1 END DESC, id LIMIT ?
            )
            UNION ALL SELECT id, score FROM scored WHERE id IN ({placeholders(len(also))})""",
            (expression, *parameters, auxiliary_factor, limit, *also),
        )
        chunks = self._database.query("SELECT max(id) FROM chunks")[0][0]
        repeated = [frequencies[term] for term in rarer] if frequent else []
        bound = _upper_bound(chunks, [*frequencies.values(), *repeated])
        return {chunk: score / bound for chunk, score in rows}

    def find_phrase(self, text: str, limit: int) -> dict[int, str]:
        """Return the chunks whose bodies contain the words of a text in a row: their bodies by id."""
        query = "SELECT rowid, body FROM fulltext WHERE fulltext MATCH ? ORDER BY rowid LIMIT ?"
        return dict(self._database.query(query, (_body_phrase(text), limit)))

    def chunks_with_phrase(self, text: str, filters: Filters, limit: int) -> list[int]:
        """Return the ids of chunks whose bodies contain the words of a text in a row, if they pass."""
        condition, parameters = self._filters.compile(filters)
        rows = self._database.query(
            f"""SELECT chunks.id FROM fulltext CROSS JOIN chunks ON chunks.id = fulltext.rowid
            WHERE fulltext MATCH ? AND {condition} LIMIT ?""",
            (_body_phrase(text), *parameters, limit),
        )
        return [row[0] for row in rows]

    def document_frequencies(self, terms: Iterable[str], limit: int) -> dict[str, int]:
        """Return how many chunks contain each term, counted up to `limit`."""
        query = "SELECT count(*) FROM (SELECT 1 FROM fulltext WHERE fulltext MATCH ? LIMIT ?)"
        return {term: self._database.query(query, (_quoted(term), limit))[0][0] for term in terms}


def insert_text(connection: sqlite3.Connection, chunk_id: int, entry: Entry, text: str) -> None:
    """Add the row of a chunk, in the caller's transaction."""
    words = _words(text)
    if entry.language == "markdown":
        words += f" {_fence_languages(text)}"
    row = {
        "name": "" if _is_sentence(entry) else _with_words(entry.name),
        "container": _with_words(entry.container),
        "path": _with_words(normalize(entry.path)),
        "signature": _with_words(entry.signature),
        "body": text,
        "body_words": words,
    }
    connection.execute(_INSERT, (chunk_id, *(row[column] for column in FULLTEXT_COLUMNS)))


def _is_sentence(entry: Entry) -> bool:
    """Return whether the name is a sentence: of a test, for example, whose text has it, too.

    With the weight of names, its words would outweigh the code that is tested.
    """
    return " " in entry.name and entry.language not in languages.PROSE


def _with_words(text: str) -> str:
    return f"{text} {_words(text)}"


def _words(text: str) -> str:
    """Return the words that the tokenizer of FTS5 does not find in a text, and the synonyms of all words.

    These are the words of camel-case identifiers and of scripts without spaces. The tokenizer already splits
    identifiers at underscores.
    """
    words = identifiers.split_camel_case(text)
    synonyms = canonical_words(f"{text} {words}")
    return " ".join([words, *synonyms, *unspaced.words(text), *unspaced.letters(text)])


def _fence_languages(text: str) -> str:
    """Return the languages of the code fences in a Markdown text: "python" for ```py."""
    found = (languages.by_name_or_extension(name) for name in _FENCE.findall(text))
    return " ".join(dict.fromkeys(language.name for language in found if language))


def _rarer_terms(frequencies: Mapping[str, int]) -> list[str]:
    """Return the rarest terms, as long as together they occur in at most `_MAX_SCORED` chunks.

    The rarest term that occurs at all is always returned.
    """
    rarer: list[str] = []
    scored = 0
    for term in sorted(frequencies, key=frequencies.__getitem__):
        scored += frequencies[term]
        if rarer and scored > _MAX_SCORED:
            break
        if frequencies[term]:
            rarer.append(term)
    return rarer


def _expression(rarer: Sequence[str], frequent: Sequence[str]) -> str:
    any_rarer = " OR ".join(map(_quoted, rarer))
    if not frequent:
        return any_rarer
    any_frequent = " OR ".join(map(_quoted, frequent))
    return f"({any_rarer}) AND ({any_rarer} OR {any_frequent})"


def _upper_bound(chunks: int, frequencies: Iterable[int]) -> float:
    """Return the limit of BM25 for a chunk that repeats all terms endlessly.

    It is k1 + 1 for each term, times the term's inverse document frequency as FTS5 computes it.
    """
    ratios = ((chunks - frequency + 0.5) / (frequency + 0.5) for frequency in frequencies)
    return (_K1 + 1) * sum(max(1e-6, math.log(ratio)) for ratio in ratios)


def _body_phrase(text: str) -> str:
    return f"body : {_quoted(text.replace(chr(0), ' '))}"


def _quoted(term: str) -> str:
    return '"' + term.replace('"', '""') + '"'
