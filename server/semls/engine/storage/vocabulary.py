"""The words of a catalog's full-text index, for queries with a misspelled word."""

import sqlite3
from collections.abc import Iterable
from difflib import SequenceMatcher

from semls.engine.storage.database import Database
from semls.engine.syntax import unspaced
from semls.engine.syntax.stems import canonical_word, plain_stem

_MIN_LENGTH = 6  # of a word that is corrected: shorter ones resemble too many others
_PREFIX = 2  # characters that are taken to be right, because the words are looked up by them
_MIN_SIMILARITY = 0.85  # of two stems, from 0 to 1
_MIN_TRANSPOSED_SIMILARITY = 0.8  # of two stems with the same letters, such as those of lenght and length
_MAX_CHARACTER = "\U0010ffff"  # sorts after all others


class Vocabulary:
    """Corrects words that no chunk contains. Methods raise StoreError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def corrections(self, words: Iterable[str]) -> dict[str, str]:
        """Return, for lower-case words that no chunk contains, a similar stem that some chunk contains.

        Words that resemble no other one are left out, as are words that are not made of letters.
        """
        unknown = [word for word in words if self._is_unknown(word)]
        found = {word: self._most_similar(plain_stem(word)) for word in unknown}
        return {word: similar for word, similar in found.items() if similar}

    def _is_unknown(self, word: str) -> bool:
        if len(word) < _MIN_LENGTH or not word.isalpha() or unspaced.words(word):
            return False
        query = "SELECT 1 FROM fulltext WHERE fulltext MATCH ? LIMIT 1"
        return not self._database.query(query, (f'"{canonical_word(word)}"',))

    def _most_similar(self, stem: str) -> str:
        prefix = stem[:_PREFIX]
        query = "SELECT term FROM vocabulary WHERE term >= ? AND term < ?"
        rows = self._database.query(query, (prefix, prefix + _MAX_CHARACTER))
        similarity, similar = max(((_similarity(stem, term), term) for (term,) in rows), default=(0.0, ""))
        return similar if similarity else ""


def create_vocabulary_table(connection: sqlite3.Connection) -> None:
    """Create the table of all stems in the full-text index. SQLite computes its rows from that index."""
    connection.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, fulltext, row)")


def _similarity(stem: str, term: str) -> float:
    """Return the similarity of two stems, 0 if they are too different to be the same word."""
    matcher = SequenceMatcher(None, stem, term, autojunk=False)
    if matcher.real_quick_ratio() < _MIN_TRANSPOSED_SIMILARITY:
        return 0.0
    minimum = _MIN_TRANSPOSED_SIMILARITY if sorted(stem) == sorted(term) else _MIN_SIMILARITY
    if matcher.quick_ratio() < minimum:
        return 0.0
    ratio = matcher.ratio()
    return ratio if ratio >= minimum else 0.0
