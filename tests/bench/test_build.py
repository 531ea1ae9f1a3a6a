import json
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.bench.build.__main__ import app
from tests.bench.build.commits import clean_subject, is_question
from tests.bench.build.definitions import first_sentence
from tests.bench.build.layout import is_source, main_language

PYTHON = '''\
def evict(store, now):
    """
    Remove the sessions that are older than an hour.

    Also closes them.
    """
    for key, session in list(store.items()):
        if now - session.start > 3600:
            del store[key]


def name_of(user):
    """Return the text that name_of shows for a user."""
    first = user.first
    last = user.last
    return first + last


def short(user):
    """Say whether a user may log in at all."""
    return user.ok
'''
GO = """\
package shop

// The sum that a customer pays for all items, with taxes.
// In cents.
func Total(items []Item) int {
\tsum := 0
\tfor _, item := range items {
\t\tsum += item.Price
\t}
\treturn sum
}

// Check is deprecated and kept for old callers only.
func Check() bool {
\tone := true
\ttwo := false
\treturn one && two
}
"""
JAVA = """\
class Mail {
    /**
     * Sends a letter of {@code welcome} to each new customer. Never throws.
     *
     * @param customers the new ones
     */
    @Override
    public void greet(List<Customer> customers) {
        for (Customer customer : customers) {
            send(customer);
        }
    }
}
"""
FILES = {"store.py": PYTHON, "shop/total.go": GO, "shop/Mail.java": JAVA, "tests/test_store.py": PYTHON}


def build(*arguments):
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == 0, done.output
    return done.output


def questions(folder, name="shop"):
    return json.loads((folder / "annotations" / f"{name}.json").read_text())


def rows(folder):
    return json.loads((folder / "repos.json").read_text())


def write(folder, files):
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


class Repository:
    """A git repository with one commit after another."""

    def __init__(self, folder):
        self.folder = folder
        folder.mkdir()
        self.git("init", "-q")

    def git(self, *arguments):
        command = [
            "git",
            "-C",
            self.folder,
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@example.org",
            *arguments,
        ]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, subject, **files):
        write(self.folder, {path.replace("__", "/") + ".py": text for path, text in files.items()})
        self.git("add", "-A")
        self.git("commit", "-q", "-m", subject)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path):
    return Repository(tmp_path / "shop.git")


@pytest.fixture(autouse=True)
def _accept_few_questions(monkeypatch):
    monkeypatch.setattr("tests.bench.build.commits.MIN_QUESTIONS", 1)
    monkeypatch.setattr("tests.bench.build.definitions.MIN_QUESTIONS", 1)


def test_definitions_asks_with_first_sentences_and_deletes_documentation(tmp_path):
    out, source = tmp_path / "out", tmp_path / "source"
    write(source, FILES)
    assert "shop: 3 questions of 3" in build("definitions", out, f"shop={source}")
    found = {item["name"]: (item["query"], item["relevant"]) for item in questions(out)}
    assert found == {
        "evict": (
            "Remove the sessions that are older than an hour",
            [{"path": "store.py", "start_line": 1, "end_line": 9}],
        ),
        "Total": (
            "The sum that a customer pays for all items, with taxes",
            [{"path": "shop/total.go", "start_line": 5, "end_line": 11}],
        ),
        "greet": (
            "Sends a letter of welcome to each new customer",
            [{"path": "shop/Mail.java", "start_line": 8, "end_line": 12}],
        ),
    }
    checkout = out / "checkouts/shop"
    texts = {path: (checkout / path).read_text() for path in FILES}
    assert texts["tests/test_store.py"] == PYTHON
    assert all(len(texts[path].splitlines()) == len(text.splitlines()) for path, text in FILES.items())
    assert texts["store.py"].splitlines()[1].rstrip() == "    ..."
    assert texts["store.py"].splitlines()[6:] == PYTHON.splitlines()[6:]
    assert texts["shop/total.go"].splitlines()[4:] == GO.splitlines()[4:]
    assert texts["shop/Mail.java"].splitlines()[6:] == JAVA.splitlines()[6:]
    for path, words in (("store.py", "sessions"), ("shop/total.go", "taxes"), ("shop/Mail.java", "letter")):
        assert words not in texts[path].split("def name_of")[0]


def test_definitions_takes_git_head_and_names_main_language(tmp_path, repository):
    repository.commit("Add store", store=PYTHON)
    build("definitions", tmp_path / "out", f"shop={repository.folder}")
    assert rows(tmp_path / "out") == [{"name": "shop", "language": "python"}]
    assert not (tmp_path / "out/checkouts/shop/.git").exists()


def test_definitions_skips_sentences_of_several_functions(tmp_path):
    source = tmp_path / "source"
    write(source, {"a.py": PYTHON, "b.py": PYTHON, "c.go": GO})
    build("definitions", tmp_path / "out", f"shop={source}")
    assert [item["name"] for item in questions(tmp_path / "out")] == ["Total"]


def test_first_sentence_omits_markup_and_parameters():
    assert first_sentence("Opens <b>all</b> files of\nv1.2. Then more.") == "Opens all files of v1.2"
    assert first_sentence("Open a file\n:param path: the file") == "Open a file"
    assert first_sentence("Open a\n:class:`File`\n\nMore") == "Open a :class:`File`"


def test_commits_asks_with_subjects_before_the_oldest_one(tmp_path, repository):
    start = repository.commit("Add shop", store="a = 1", mail="a = 1", tests__test_mail="a = 1")
    oldest = repository.commit("fix: expire sessions after one hour (#12)", store="a = 2")
    repository.commit("Bump the version of all dependencies", mail="a = 2")
    repository.commit("Fix a typo in the welcome letter", mail="a = 3")
    repository.commit("Check the letters that are sent", tests__test_mail="a = 2")
    repository.commit("Add a file for customers that left", gone="a = 1")
    repository.commit("Send the letter with store.py only once", store="a = 3")
    repository.commit("Send letters to new customers only", mail="a = 4", tests__test_mail="a = 3")
    assert f"shop: 2 questions at {start[:10]}" in build(
        "commits", tmp_path / "out", f"shop={repository.folder}"
    )
    assert rows(tmp_path / "out") == [{"name": "shop", "language": "python", "revision": start}]
    found = questions(tmp_path / "out")
    assert [(item["query"], item["relevant"]) for item in found] == [
        ("Send letters to new customers only", ["mail.py"]),
        ("expire sessions after one hour", ["store.py"]),
    ]
    assert found[1]["commit"] == oldest[:12]
    assert (tmp_path / "out/checkouts/shop/store.py").read_text() == "a = 1"
    assert not (tmp_path / "out/checkouts/shop/gone.py").exists()


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("[core] Fix the crash. (fixes #12)", "Fix the crash"),
        ("feat(api)!: add 3 routes, gh-7", "add 3 routes"),
        ("Fix 3 bugs (#1) (#2)", "Fix 3 bugs"),
    ],
)
def test_clean_subject_omits_labels_and_issues(subject, text):
    assert clean_subject(subject) == text


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Keep the order of equal keys", True),
        ("Keep order", False),
        ("style: keep the order of keys", False),
        ("Explain the order in the docs", False),
        ("Keep the order of keys in store.py", False),
    ],
)
def test_is_question_skips_routine_and_named_files(subject, expected):
    assert is_question(subject, clean_subject(subject), ["shop/store.py"]) == expected


def test_commits_without_git_directory_is_left_out(tmp_path):
    assert "shop: left out: " in build("commits", tmp_path / "out", f"shop={tmp_path}/none")


def test_cosqa_writes_a_file_for_each_function(tmp_path):
    (tmp_path / "functions.json").write_text(json.dumps({"7": "def a(): pass", "1234": "def b(): pass\n\n"}))
    (tmp_path / "questions.json").write_text(json.dumps([{"query": "python do b", "function": 1234}]))
    output = build("cosqa", tmp_path / "out", tmp_path / "functions.json", tmp_path / "questions.json")
    assert output == "cosqa: 1 questions, 2 functions\n"
    checkout = tmp_path / "out/checkouts/cosqa"
    assert (checkout / "m00/c7.py").read_text() == "def a(): pass\n"
    assert (checkout / "m12/c1234.py").read_text() == "def b(): pass\n"
    assert questions(tmp_path / "out", "cosqa") == [
        {"query": "python do b", "category": "web", "relevant": ["m12/c1234.py"], "secondary": []}
    ]


def test_files_checks_out_pinned_revisions_and_reports_missing_ones(tmp_path, repository):
    revision = repository.commit("Add store", store="a = 1")
    repository.commit("Change store", store="a = 2")
    pinned = [
        {"name": "shop.git", "language": "python", "revision": revision, "benchmark_root": ""},
        {"name": "gone", "language": "python", "revision": revision, "benchmark_root": ""},
        {"name": "bad", "language": "python", "revision": "f" * 40, "benchmark_root": ""},
    ]
    (tmp_path / "bad").symlink_to(repository.folder)
    item = {"query": "a", "category": "symbol", "relevant": ["store.py"], "secondary": []}
    write(
        tmp_path / "asked",
        {"repos.json": json.dumps(pinned), "annotations/shop.git.json": json.dumps([item])},
    )
    output = build("files", tmp_path / "out", tmp_path / "asked", tmp_path)
    assert "gone: left out: no git directory" in output
    assert "bad: left out: fatal: " in output
    assert rows(tmp_path / "out") == pinned[:1]
    assert questions(tmp_path / "out", "shop.git") == [item]
    assert (tmp_path / "out/checkouts/shop.git/store.py").read_text() == "a = 1"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/store.py", True),
        ("src/Latest.java", True),
        ("src/StoreTest.java", False),
        ("test/store.js", False),
        ("docs/conf.py", False),
        ("README.md", False),
    ],
)
def test_is_source_omits_tests_and_documents(path, expected):
    assert is_source(path) == expected


def test_main_language_is_the_most_frequent_one():
    assert main_language([{"relevant": ["a.py", {"path": "b.go"}]}, {"relevant": ["c.go"]}]) == "go"


def test_builder_without_separator_prints_expected_form(tmp_path):
    done = CliRunner().invoke(app, ["commits", str(tmp_path), "shop"])
    assert done.exit_code == 2
    assert "Expected NAME=SOURCE" in done.output


def test_own_questions_have_targets_and_known_repositories():
    folder = Path(__file__).parent / "questions"
    for row in rows(folder):
        found = questions(folder, row["name"])
        assert len(found) == 15
        for item in found:
            assert all(target["start_line"] <= target["end_line"] for target in item["relevant"])
