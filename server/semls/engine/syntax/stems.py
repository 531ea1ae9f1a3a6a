"""Stems of words, where synonyms and the usual abbreviations have the same stem."""

import re
from collections.abc import Iterator
from functools import cache, lru_cache

import Stemmer

_CACHE_SIZE = 1 << 14

# Words that code uses for the same thing. The first of each row stands for the others.
_SYNONYMS = """
    address addr
    allocate alloc
    argument arg param parameter
    asynchronous async
    attribute attr
    authentication auth authenticate authorization authorize
    buffer buf
    button btn
    calculate calc compute
    callback cb
    cancel abort
    certificate cert
    character char
    color colour
    column col
    command cmd
    configuration cfg conf config configure
    connection conn connect
    context ctx
    count cnt
    database db
    declaration decl
    definition def
    delete del erase remove
    dependency dep
    destination dest dst
    dictionary dict
    directory dir folder
    element elem
    environment env
    equal eq
    error err
    event evt
    execute exec
    expression expr
    extension ext
    format fmt
    function fn func
    generate gen
    header hdr
    image img
    implement impl implementation
    index idx
    information info
    initialize init initialise initialization setup
    integer int
    iterator iter iterate
    language lang
    length len
    library lib
    manager mgr
    maximum max
    memory mem
    message msg
    minimum min
    number num
    object obj
    option opt
    package pkg
    password passwd pwd
    permission perm
    pointer ptr
    position pos
    preference pref
    previous prev
    process proc
    property prop
    reference ref
    regex regexp
    repository repo
    request req
    response resp
    separator sep
    sequence seq
    server srv
    service svc
    source src
    specification spec
    standard std
    statement stmt
    string str
    synchronize sync synchronise
    temporary temp tmp
    transaction txn
    url uri
    utility util
    value val
    variable var
    version ver
    warning warn
"""
_WORD = re.compile(r"[^\W_]+")


@lru_cache(_CACHE_SIZE)
def stem(word: str) -> str:
    """Return the stem of a lower-case word; that of its main synonym if it has one."""
    return plain_stem(canonical_word(word))


@lru_cache(_CACHE_SIZE)
def canonical_word(word: str) -> str:
    """Return the word that stands for a lower-case word and its synonyms; others are returned unchanged."""
    return _canonical_words().get(plain_stem(word), word)


def canonical_words(text: str) -> Iterator[str]:
    """Yield, for each word of a text that has one, the different word that stands for its synonyms."""
    for word in _WORD.findall(text.lower()):
        canonical = canonical_word(word)
        if canonical != word:
            yield canonical


def plain_stem(word: str) -> str:
    """Return the stem of a lower-case word, whatever its synonyms."""
    return str(_stemmer().stemWord(word))


@cache
def _canonical_words() -> dict[str, str]:
    """Return the words that stand for others, by the stems of those."""
    rows = (row.split() for row in _SYNONYMS.strip().splitlines())
    return {plain_stem(word): words[0] for words in rows for word in words}


@cache
def _stemmer() -> Stemmer.Stemmer:
    return Stemmer.Stemmer("english")
