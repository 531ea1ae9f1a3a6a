import pytest

from semls.engine.search import no_hits
from semls.engine.search.query import parse_query
from semls.engine.storage.catalog import Catalog
from semls.engine.storage.schema import File
from tests.support.entries import make_entry


@pytest.fixture
def catalog(tmp_path):
    opened = Catalog(tmp_path / "index.sqlite")
    yield opened
    opened.close()


def fill(catalog):
    for path, language, name, text in [
        ("src/a.py", "python", "parse_header", 'def parse_header(): return "Übung"'),
        ("lib/b.go", "go", "Serve", "func Serve() {}"),
    ]:
        entry = make_entry(path, name, language=language)
        catalog.replace(File(path, language=language), [(entry, text)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x path:nowhere", "No indexed file matches path:nowhere."),
        ("x path:nowhere path:src/*.go", "No indexed file matches path:nowhere or path:src/*.go."),
        ("x lang:rs", "No indexed file matches lang:rs."),
        ("x kind:class", "No indexed definition matches kind:class."),
        ("x name:Serve::* lang:go", "No indexed definition matches name:Serve::*."),
        (
            "x name:parse_haeder",
            "No indexed definition matches name:parse_haeder. Did you mean name:parse_header?",
        ),
        ("x name:A.serv", "No indexed definition matches name:A.serv. Did you mean name:Serve?"),
        ("x name:other", "No indexed definition matches name:other."),
        ('x "no Such"', 'No indexed code matches "no Such".'),
        ('x "übung" "serve"', 'No indexed code passes these filters together: "übung" "serve".'),
        ("x path:src lang:go", "No indexed code passes these filters together: path:src lang:go."),
        ("x -path:** lang:go", "All indexed code is excluded by -path:**."),
        ('x -"e"', 'All indexed code is excluded by -"e".'),
        (r'x "a \"b\""', r'No indexed code matches "a \"b\"".'),
        ('x path:"my folder"', 'No indexed file matches path:"my folder".'),
        ("x path:src lang:python", ""),
        ("x", ""),
    ],
)
def test_explain_filters_that_exclude_everything_names_them(catalog, text, expected):
    fill(catalog)
    assert no_hits.explain(parse_query(text), catalog) == expected


def test_explain_explicit_filters_names_them_like_typed_ones(catalog):
    fill(catalog)
    query = parse_query("x", languages=["Rust"], paths=["src"])
    assert no_hits.explain(query, catalog) == "No indexed file matches lang:Rust."


def test_explain_empty_catalog_says_no_file_is_indexed(catalog):
    assert no_hits.explain(parse_query("x path:nowhere"), catalog) == "No file is indexed."
