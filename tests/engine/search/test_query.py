import re
import time
from contextlib import suppress

import pytest

from semls.engine.search.query import MAX_FILTERS, parse_query
from semls.engine.storage.filters import Filter
from semls.errors import UsageError
from semls.limits import MAX_QUERY_LENGTH


def filters(text):
    """Return the filters of a query as strings; `!` marks a negated one."""
    return [f"{'!' * one.negated}{one.field}={','.join(one.values)}" for one in parse_query(text).filters]


@pytest.mark.parametrize(
    ("text", "remaining", "expected"),
    [
        ("lang:go how are tokens read", "how are tokens read", ["language=go"]),
        ("how are lang:go tokens read", "how are  tokens read", ["language=go"]),
        ("tokens language:Golang", "tokens", ["language=go"]),
        ("x lang:c++", "x", ["language=cpp"]),
        ("x lang:go lang:py", "x", ["language=go,python"]),
        ("x lang:py lang:python", "x", ["language=python"]),
        ("x -lang:go lang:py", "x", ["!language=go", "language=python"]),
        ("x kind:class kind:enummember", "x", ["kind=Class,EnumMember"]),
        ("x name:Parse", "x", ["name=Parse"]),
        ("x name:Parse*", "x", ["name=Parse*"]),
        ("x name:Parse…", "x", ["name=Parse*"]),
        ("x name:Parse...", "x", ["name=Parse*"]),
        ("x name:A.b", "x", ["name=A.b"]),
        ("x name:ns::A::b", "x", ["name=ns::A::b"]),
        ("x name:A#b name:a->b", "x", ["name=A#b,a->b"]),
        ("x name:A.…", "x", ["name=A.*"]),
        ("x name:operator->", "x", ["name=operator->"]),
        ('x name:"operator []"', "x", ["name=operator []"]),
        ("lang:go", "", ["language=go"]),
        (
            'where is "connection refused" handled',
            "where is connection refused handled",
            ["text=connection refused"],
        ),
        ('"Connection Refused"?', "Connection Refused?", ["text=connection refused"]),
        ('"foo(bar"', "foo(bar", ["text=foo(bar"]),
        ('"a" "b c"', "a b c", ["text=a", "text=b c"]),
        ('x -"b c"', "x", ["!text=b c"]),
        (r'"case \"a\":"', 'case "a":', ['text=case "a":']),
        (r'"a\n"', r"a\n", [r"text=a\n"]),
        ('"lang:go"', "lang:go", ["text=lang:go"]),
        ('kind:class "a" name:b c', "a  c", ["kind=Class", "name=b", "text=a"]),
    ],
)
def test_parse_query_removes_filters_and_quotes_from_text(text, remaining, expected):
    assert parse_query(text).text == remaining
    assert filters(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "std::vector<int>",
        "a->b",
        "foo:bar",
        "http://example.org/lang:go",
        "file:///etc/hosts",
        "x: int, name: str",
        "def f(name: str, path: Path) -> Kind:",
        "kind: Deployment",
        "lang: go",
        "lang:\ngo",
        "std::path::Path",
        "path::PathBuf name::Name",
        "name := lang",
        "path:=os.Args[1]",
        "path://server/share",
        "note: this",
        "TODO:fix",
        "Lang:go",
        "in:src file:a.py",
        "f(lang:go)",
        '{"lang":"go"}',
        'case "a":',
        'print("a", "b")',
        '["a", "b", "c"]',
        'x = {"name": "y"}',
        'say "',
        '"',
        '""',
        '" "',
        'a 5" disk',
        '"not closed',
        'not "closed',
        'f"{x}"',
        '"""docstring"""',
        "don't we 'quote' it",
        "-O2 -Wall --path:x -v",
        "- - -",
        "-",
        "semi-automatic -- and so on",
        "lists:map maps:get math:sqrt",
        "names::Path names: str http://x pathh:",
        "retry -word",
    ],
)
def test_parse_query_with_other_text_keeps_it(text):
    assert parse_query(text).text == text
    assert parse_query(text).filters == ()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("where is lang:go?", ["'go?'", "Did you mean 'go'?"]),
        ("kind:klass x", ["'klass'", "Did you mean 'class'?"]),
        ("kind:thing x", ["'thing'", "Use one of", "class"]),
        ("lang:pyton x", ["'pyton'", "Did you mean 'python'?"]),
        ("lang:klingon x", ["'klingon'", "python"]),
        ("x -lang:klingon", ["klingon"]),
        ("langu:go x", ["Unknown filter 'langu:'", "Did you mean 'lang:'?"]),
        ("x -paht:src", ["Unknown filter 'paht:'", "Did you mean 'path:'?"]),
        ("names:x", ["Unknown filter 'names:'", "Did you mean 'name:'?"]),
        ("lang:", ["value after lang:", "lang:python"]),
        ("how language:", ["value after language:", "language:python"]),
        ("how -kind: ", ["value after kind:", "kind:class"]),
        ('path:"" x', ["value after path:", "path:src/**"]),
        ('name:" " x', ["value after name:", "name:parse*"]),
        ("path:/ x", ["pattern is empty"]),
        ('x path:"my folder', ["quotation mark after path:", "Close"]),
        (
            " ".join(f"lang:go -path:{number}" for number in range(MAX_FILTERS)),
            [f"{2 * MAX_FILTERS}", "at most"],
        ),
    ],
)
def test_parse_query_with_wrong_filter_explains_it(text, parts):
    with pytest.raises(UsageError) as raised:
        parse_query(text)
    for part in parts:
        assert part in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"text": ""}, "empty"),
        ({"text": " \n"}, "empty"),
        ({"text": "x" * (MAX_QUERY_LENGTH + 1)}, "10,001"),
        ({"text": "x", "limit": 0}, "from 1"),
        ({"text": "x", "limit": -5}, "from 1"),
        ({"text": "x", "limit": 10**9}, "1,000"),
        ({"text": "x", "languages": ["klingon"]}, "klingon"),
        ({"text": "x", "kinds": ["thing"]}, "thing"),
        ({"text": "x", "paths": [""]}, "pattern"),
        ({"text": "x", "paths": ["/"]}, "pattern"),
    ],
)
def test_parse_query_with_wrong_argument_explains_it(arguments, message):
    with pytest.raises(UsageError, match=message):
        parse_query(**arguments)


def test_parse_query_with_explicit_filters_combines_them():
    query = parse_query("x lang:go", languages=["go", "rust"], kinds=["class"])
    assert query.filters == (
        Filter("language", ("go",)),
        Filter("language", ("go", "rust")),
        Filter("kind", ("Class",)),
    )


def test_parse_query_with_filters_alone_is_lexical_only():
    assert parse_query("lang:go").lexical_only
    assert parse_query("", kinds=["class"]).lexical_only
    assert not parse_query("x lang:go").lexical_only


def test_parse_query_keeps_raw_text():
    assert parse_query(" lang:go  how ").raw_text == "lang:go  how"


def matching(glob, *paths):
    (wanted,) = parse_query(f'x path:"{glob}"').filters
    return [path for path in paths if re.match(wanted.values[0], path)]


@pytest.mark.parametrize(
    ("glob", "inside", "outside"),
    [
        ("src", ["src/a", "a/src/b", "src"], ["srcs/a", "a/mysrc"]),
        ("/src", ["src/a"], ["a/src/b"]),
        ("src/*", ["src/a", "src/a/b"], ["a/src/b"]),
        ("*.py", ["a.py", "b/a.py", "a.py/b"], ["a.pyi"]),
        ("src/**/*.py", ["src/a.py", "src/b/c/a.py"], ["a.py", "src/a.go"]),
        ("**/test_*", ["test_a", "a/b/test_c"], ["a/b_test_c"]),
        ("a**/b", ["a/b", "ax/y/b"], ["b", "a/xb"]),
        ("a*b*c/d", ["abc/d", "axbxc/d/e"], ["ab/c/d", "acb/d"]),
        ("my folder/?.py", ["my folder/a.py"], ["my folder/ab.py", "my folder//.py"]),
        ("a+(b)[c]", ["a+(b)[c]"], ["aa(b)c"]),
        (r"src\a", ["src/a"], ["a"]),
        ("***", ["a", "a/b"], []),
        ("src", ["src/a\nb.py"], ["a\nsrc.py"]),
        ("*.py", ["src/a\nb.py"], ["a.py\n"]),
        ("src/**", ["src/a\n/b.py"], []),
    ],
)
def test_path_pattern_matches_paths(glob, inside, outside):
    assert matching(glob, *inside, *outside) == inside


@pytest.mark.parametrize(
    "glob", ["*a" * 20 + "b", "**/a/" * 20 + "b", "**/*a*a*a/" * 8 + "b", "**a" * 99 + "b"]
)
def test_path_pattern_with_many_stars_matches_in_linear_time(glob):
    began = time.process_time()
    assert not matching(glob, "a" * 200, "a/" * 80 + "x", "aaaaaaaaaaaa/" * 40 + "x")
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "part",
    [
        '"',
        '" ',
        ' "',
        '"a',
        '"a ',
        '-"',
        "-",
        "- ",
        "path:*",
        "path:",
        "lang:go ",
        "\\",
        '"\\',
        'path:"',
        "name:…",
        "\n",
    ],
)
def test_parse_query_with_hostile_text_takes_linear_time(part):
    began = time.process_time()
    for text in (part * MAX_QUERY_LENGTH, "x " + part * MAX_QUERY_LENGTH):
        with suppress(UsageError):
            parse_query(text[:MAX_QUERY_LENGTH])
    assert time.process_time() - began < 1
