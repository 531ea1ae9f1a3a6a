"""Find words in scripts that put no spaces between them.

These are Chinese, Japanese, Thai, Lao, Khmer and Burmese, and Korean, which attaches particles to words. Each
two letters in a row stand for a word, as in Lucene's CJKBigramFilter.
"""

import re
from itertools import pairwise

# Letters and the marks on them.
_LETTERS = (
    "\u0e01-\u0edf\u1000-\u109f\u1780-\u17dd"
    "\u3005-\u3007\u3041-\u309f\u30a1-\u30ff\u3131-\u318e\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
_RUN = re.compile(f"[{_LETTERS}]+")
# Words of other scripts that touch such a run: there is no space between them and it, either.
_NEIGHBOUR = re.compile(rf"(?<=[{_LETTERS}])[^\W_{_LETTERS}]+|(?<![^\W_])[^\W_{_LETTERS}]+(?=[{_LETTERS}])")


def words(text: str) -> list[str]:
    """Return the words of such scripts in a text, and the words of other scripts that touch them.

    A letter without a neighbour is a word, too. Vowel signs and tone marks are left out, because the
    tokenizer of FTS5 splits words at them.
    """
    if text.isascii():
        return []
    runs = ("".join(filter(str.isalpha, run)) for run in _RUN.findall(text))
    found = [word for run in runs for word in _bigrams(run)]
    return found + _NEIGHBOUR.findall(text) if found else []


def letters(text: str) -> list[str]:
    """Return the different letters of such scripts in a text: a letter can be a word."""
    if text.isascii():
        return []
    return list(dict.fromkeys(filter(str.isalpha, "".join(_RUN.findall(text)))))


def _bigrams(run: str) -> list[str]:
    return [one + other for one, other in pairwise(run)] or [run][: len(run)]
