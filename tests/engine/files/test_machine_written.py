"""Parts of texts that no person wrote: encoded data, minified lines, rows of data."""

import base64
import json
import random
import time

import pytest

from semls.engine.files.machine_written import blank, find, reason_for_part, reason_to_skip, shorten


def data(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def remaining(text: str, language: str = "") -> str:
    """Return what is left of a text, checking that rows and offsets are kept."""
    content = text.encode()
    left = blank(content, find(content, language))
    assert len(left) == len(content)
    assert left.count(b"\n") == content.count(b"\n")
    return shorten(left.decode())


BASE64 = base64.b64encode(data(6000)).decode()
WRAPPED = base64.encodebytes(data(6000)).decode().rstrip()
HEX = data(4000).hex()
ESCAPES = "".join(f"\\x{byte:02x}" for byte in data(2000))
PATH = "M0 0 L1.5 1 c-3 4 " * 400
BUNDLE = "function a(b,c){return b+c}var d=a(1,2);" * 100
BASE_WORDS = "about below could during enough further hardly inside nearly other rather should".split()
ENDINGS = [
    "",
    "s",
    "ed",
    "er",
    "est",
    "ful",
    "ing",
    "ish",
    "less",
    "like",
    "ly",
    "ment",
    "ness",
    "ward",
    "wise",
]
ENDINGS += [f"un{ending}" for ending in ENDINGS]
PROSE = "The crawler reads the changed files, and a search (see above) doesn't wait for it. " * 40
CHINESE = "爬虫读取更改的文件。搜索不会等待。" * 100

ENCODED = [
    (f'LOGO = "{BASE64}"\ndef logo(): ...\n', 'LOGO = "…"\ndef logo(): ...\n'),
    (f"var logo = '{HEX}';\n", "var logo = '…';\n"),
    (f'var logo = "{ESCAPES}"\n\nfunc Logo() {{}}\n', 'var logo = "…"\n\nfunc Logo() {}\n'),
    (f'  <path fill="none" d="{PATH}"/>\n', '  <path fill="none" d="…"/>\n'),
    (f"const icon = `{PATH}`;\n", "const icon = `…`;\n"),
    (
        f"a {{ background: url(data:image/png;base64,{BASE64}) }}\n",
        "a { background: url(data:image/png;base64,…) }\n",
    ),
    (
        f"See ![the logo](data:image/png;base64,{BASE64}) above.\n",
        "See ![the logo](data:image/png;base64,…) above.\n",
    ),
    (f'{{"a": "{BASE64[:1000]}", "b": 1}}\n', '{"a": "…", "b": 1}\n'),
    (f"key: {BASE64}\r\nother: 1\r\n", "key:\r\nother: 1\r\n"),
    (f'x = "{BASE64}"; y = "{HEX}"\n', 'x = "…"; y = "…"\n'),
]
MINIFIED = [
    "var a=1," + "".join(f"f{number}=(a,b)=>{{return a(b)[{number}]}}," for number in range(200)) + " b;",
    f"{BUNDLE}\n",
    f"  {BUNDLE}\n",
    ".a{color:red}.b>c{top:1px;left:-2px}" * 100,
    "[" + ",".join(str(number * number) for number in range(1000)) + "]",
    json.dumps([{"id": number, "name": f"user {number}"} for number in range(100)]),
]
STOP_WORDS = [f"{stem}{end}" for stem in BASE_WORDS for end in ENDINGS]
WRITTEN = [
    *(f"STOP_WORDS = [{separator.join(STOP_WORDS)}]\n" for separator in (",", "','", '","', "|", ":1,")),
    f"{PROSE}\n",
    f"# {PROSE}\n",
    f'    message = "{PROSE}"\n',
    f"<p>{PROSE}</p>\n",
    CHINESE,
    f'{{"text": "{CHINESE}"}}',
    "".join(f"def f{number}(x): return x\n" for number in range(1000)),
    "".join(f'    "key.{number}": "Some text",\n' for number in range(1000)),
    "".join(f"#define VALUE_{number} 0x{number:02x}\n" for number in range(1000)),
    "".join(f"{word}\n" for word in BASE64),
    "x = [\n" + "    0x12, 0x34, 0xab,\n" * 60 + "]\n",
    "-----BEGIN CERTIFICATE-----\n" + "\n".join(WRAPPED.split("\n")[:15]) + "\n-----END CERTIFICATE-----\n",
    "sha512-" + BASE64[:86] + "\n",
    "=" * 3000 + "\n",
    "TestThatTheCrawlerReadsTheFilesThatHaveChanged\n" * 90,
    "",
]


@pytest.mark.parametrize(("text", "expected"), ENCODED, ids=lambda text: text[:20])
def test_find_encoded_data_keeps_rest_of_line(text: str, expected: str) -> None:
    assert remaining(text) == expected
    assert reason_for_part(find(text.encode())) == "encoded data"


@pytest.mark.parametrize("text", MINIFIED, ids=lambda text: text[:20])
def test_find_minified_line_leaves_no_word(text: str) -> None:
    omissions = find(text.encode())
    assert reason_to_skip(text.encode(), omissions) == "minified"
    assert remaining(f"def before(): ...\n{text}\ndef after(): ...\n").split() == [
        *("def", "before():", "...", "def", "after():", "...")
    ]


@pytest.mark.parametrize("text", WRITTEN, ids=lambda text: text[:20])
def test_find_in_text_that_a_person_wrote_omits_nothing(text: str) -> None:
    assert find(text.encode()) == []


def test_find_long_list_keeps_its_name_and_brackets() -> None:
    codes = ", ".join(f"'{code:x}_Latn'" for code in range(1000))
    assert remaining(f"CODES = [{codes}]\n") == "CODES = […]\n"
    rows = ",".join(f"({number},'name{number}')" for number in range(1000))
    assert remaining(f"INSERT INTO users VALUES {rows};\n") == "INSERT INTO users VALUES (…);\n"


@pytest.mark.parametrize("wrap", ["{}", "    {}", '    "{}"', '    "{}" +', "b'{}' \\", "// {}", '"{}",'])
def test_find_lines_of_encoded_data_omits_all(wrap: str) -> None:
    text = "\n".join(["first", *(wrap.format(line) for line in WRAPPED.split("\n")), "last"])
    left = remaining(text).split()
    assert (left[0], left[-1]) == ("first", "last")
    assert len("".join(left)) < 50


@pytest.mark.parametrize("row", ["0x12, 0xab, 0x00, 0xff, 0x7f, 0x80, 0x0a, 0x1b,", '"' + "\\x1f" * 12 + '"'])
def test_find_rows_of_bytes_omits_all(row: str) -> None:
    text = "static const char data[] = {\n" + f"  {row}\n" * 200 + "};\nint f(void);\n"
    left = remaining(text).split("\n")
    assert (left[0], left[-3:]) == ("static const char data[] = {", ["};", "int f(void);", ""])
    assert not any(left[1:-3])


def fixture(indent: int | None) -> str:
    records = [{"id": number, "email": f"u{number}@example.org", "ok": None} for number in range(2000)]
    return json.dumps(records, indent=indent)


ROWS = {
    "csv": "id,name\n" + "".join(f"{n},Name {n} of {n % 7}\n" for n in range(5000)),
    "sql": "CREATE TABLE users (id int);\nINSERT INTO users VALUES\n"
    + ",\n".join(f"  ({n}, 'It''s {n}, or not', NULL)" for n in range(5000))
    + ";\nCREATE TABLE after (id int);\n",
    "text": "".join(
        f"2026-11-29 12:00:{n % 60:02} INFO worker {n}: did {n % 13} things\n" for n in range(5000)
    ),
    "json": fixture(2),
    "yaml": "".join(f"- id: {n}\n  name: Name {n}\n  tags: [a, b]\n" for n in range(3000)),
    "xml": "<r>\n" + "".join(f'  <row id="{n}" x="{n * n}"/>\n' for n in range(3000)) + "</r>\n",
    "typescript": "const rows = [\n"
    + "".join(f"  {{ id: {n}, name: 'Name {n}' }},\n" for n in range(3000))
    + "];\nfunction find(id) {}\n",
    "python": "ROWS = [\n"
    + "".join(f"    ({n}, {n / 7}, 'x'),\n" for n in range(3000))
    + "]\ndef find(): ...\n",
    "c": "static const double table[] = {\n" + "  -1.5e3, 0.25, 17,\n" * 3000 + "};\nint f(void);\n",
}


REST = {
    "sql": "\nCREATE TABLE after (id int);",
    "json": "]",
    "xml": "</r>",
    "typescript": "];\nfunction find(id) {}",
    "python": "]\ndef find(): ...",
    "c": "};\nint f(void);",
}


@pytest.mark.parametrize("language", ROWS)
def test_find_rows_keeps_first_ones_and_rest_of_file(language: str) -> None:
    text = ROWS[language]
    left = remaining(text, language)
    assert left[:1000] == text[:1000]
    is_code = language in ("typescript", "python", "c")
    assert len("".join(left.split())) < (33_000 if is_code else 11_500)
    end = REST.get(language, "")
    assert left.rstrip("\n").endswith(end)
    assert reason_for_part(find(text.encode(), language)) == "rows of data"


def test_find_rows_counts_all_runs_of_a_file() -> None:
    run = "".join(f"INSERT INTO t VALUES ({n}, 'x');\n" for n in range(150))
    left = remaining("".join(f"CREATE TABLE t{n} (x int);\n{run}" for n in range(20)), "sql")
    assert left.count("CREATE TABLE") == 20
    assert len("".join(left.split())) < 12_000


TEXTS = [
    f"the {stem} is {ending or 'none'} in the {n}" for n, stem in enumerate(BASE_WORDS) for ending in ENDINGS
]
AFTER = "CREATE TABLE after (id int);\n"
LISTS = {
    "copy of words": (
        "sql",
        "COPY t (word) FROM stdin;\n",
        "".join(f"{text}\n" for text in TEXTS),
        f"\\.\n\n{AFTER}",
    ),
    "copy": (
        "sql",
        "COPY t (id, a) FROM stdin;\n",
        "".join(f"{text}\t\\N\n" for text in TEXTS),
        f"\\.\n{AFTER}",
    ),
    "insert": (
        "sql",
        "INSERT INTO `t` VALUES ",
        ",".join(f"(1,'It\\'s; {text}')" for text in TEXTS),
        f";\n{AFTER}",
    ),
    "insert of lines": (
        *("sql", "INSERT INTO t (a, b) VALUES\n"),
        *(
            ",\n".join(f"(\n  {n},\n  'C:\\',\n  '{text};\n{text}')" for n, text in enumerate(TEXTS)),
            f";\n{AFTER}",
        ),
    ),
    "inserts": (
        *("sql", "INSERT INTO t VALUES ("),
        *(" INSERT INTO t VALUES\n(".join(f"{n},\n '{text}');\n" for n, text in enumerate(TEXTS)), AFTER),
    ),
    "json": (
        "json",
        '{"rows": [',
        ", ".join(f'{{"id": 1, "text": "{text}"}}' for text in TEXTS),
        '],\n"last": 1}\n',
    ),
    "json of texts": ("json", "[", ",".join(f'"{text}"' for text in TEXTS), "]\n"),
    "list": (
        "javascript",
        "rows = [",
        ", ".join(f"'{text}'" for text in TEXTS * 3),
        "];\nfunction find(id) {}\n",
    ),
}


@pytest.mark.parametrize("name", LISTS)
def test_find_list_of_texts_keeps_first_ones_and_rest_of_file(name: str) -> None:
    language, start, rows, end = LISTS[name]
    left = remaining(start + rows * 2 + end, language)
    assert left.startswith(start + rows[:1000])
    assert left.rstrip().endswith(end.strip().partition("\n")[2])
    assert len("".join(left.split())) < (33_000 if language == "javascript" else 10_500)


def test_find_in_procedure_that_inserts_omits_nothing() -> None:
    steps = "".join(
        f"  INSERT INTO log (a, b) VALUES (step_{text.replace(' ', '_')}, 'x');\n" for text in TEXTS
    )
    assert find(f"CREATE PROCEDURE p() BEGIN\n{steps}END;\n".encode(), "sql") == []


def test_find_in_long_tables_that_people_write_omits_nothing() -> None:
    commands = [{"command": f"go.{n}", "title": f"Go: do {n}", "description": "Do it"} for n in range(90)]
    assert find(json.dumps(commands, indent=2).encode(), "json") == []
    cases = "".join(f'\t{{\n\t\tname: "case {n}",\n\t\tin: "x",\n\t\twant: {n},\n\t}},\n' for n in range(500))
    assert find(f"var cases = []struct{{\n{cases}}}\n".encode(), "go") == []


def test_find_in_notebook_and_in_list_of_sentences_omits_nothing() -> None:
    lines = [f"value_{number} = {number}\n" for number in range(1000)]
    assert find(json.dumps({"source": lines}, indent=1).encode(), "jupyter") == []
    words = ("x" + str(number).translate(str.maketrans("0123456789", "abcdefghij")) for number in range(1000))
    sentences = "".join(f'    "This is the {word}, like all others.",\n' for word in words)
    assert find(f"SENTENCES = [\n{sentences}]\n".encode(), "python") == []


def test_find_in_translations_omits_nothing() -> None:
    text = "".join(f'#: a.py:{n}\nmsgid "One {n}"\nmsgstr "Eins {n}"\n\n' for n in range(1000))
    assert find(text.encode(), "po") == []


@pytest.mark.parametrize(
    "text",
    [
        *(
            "a" * 1_000_000,
            " " * 1_000_000,
            '"' * 1_000_000,
            "'\"" * 500_000,
            '"a' * 500_000,
            "0" * 1_000_000,
        ),
        *("\\x" * 500_000, "\\x0" * 300_000, "0x1," * 250_000, "A1/" * 300_000, ("A1" * 127 + " ") * 4000),
        *("a: " * 300_000, "- " * 500_000, " ,0" * 300_000, " 0" * 500_000, "((((" * 250_000, "=[" * 500_000),
        *(
            '"a\n' * 300_000,
            " \n" * 500_000,
            "0-\n" * 300_000,
            "a:\n" * 300_000,
            "'\n" * 500_000,
            "0\n" * 500_000,
        ),
        *(
            ("x" * 300 + "'") * 3000,
            ("x " * 300 + '"') * 1600,
            "\\'" * 500_000,
            "\n" * 1_000_000,
            "a.b-" * 250_000,
        ),
        *(
            "INSERT (\n" * 100_000,
            "insert into t values (1)\n" * 40_000,
            "insert into t values ('" * 40_000,
            "COPY t FROM stdin;\n" * 50_000,
            "insert\n" * 140_000,
        ),
    ],
    ids=lambda text: repr(text[:5]),
)
def test_find_in_hostile_text_is_fast(text: str) -> None:
    began = time.process_time()
    omissions = find(text.encode(), "sql")
    reason_to_skip(text.encode(), omissions)
    shorten(blank(text.encode(), omissions).decode())
    assert time.process_time() - began < 5


def test_find_in_notebook_returns_nothing():
    picture = b'{"cells": [{"outputs": ["' + b"iVBORw0KGgo" * 1000 + b'"], "source": "def total(): pass"}]}'
    assert find(picture, "json")
    assert find(picture, "jupyter") == []
