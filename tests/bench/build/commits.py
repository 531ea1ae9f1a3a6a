"""Build a benchmark of commits: a commit's subject is the question, the files that it changed are the answer.

All questions of a repository are asked about the files before its oldest commit, so that none of the answers
is in them yet.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tests.bench.build.layout import (
    MAX_QUESTIONS,
    MAX_QUESTIONS_OF_FILE,
    MIN_QUESTIONS,
    BenchmarkWriter,
    Item,
    Source,
    add_each,
    check_out,
    is_source,
    main_language,
    run_git,
)

MAX_COMMITS = 1500  # that are read
MAX_FILES = 3  # that a commit may change
MIN_WORDS, MAX_WORDS = 4, 20

_FORMAT = "%x01%H%x02%P%x02%s"
# Configuration, and files that change with almost any commit.
_NOT_AN_ANSWER = re.compile(
    r"(^|/)(\.[^/]*|(__init__|_?_?version(__)?|setup|conf|mix|package|build)\.\w+|[^/]*\.config\.\w+)$"
    r"|\.(gemspec|podspec|rockspec)$"
)
_ROUTINE = re.compile(
    r"(address review|black|build|bump|chore|ci|clean ?up|clippy|fixup|format|lint|merge|mypy|prepare"
    r"|pyupgrade|release|remove unused|rename|revert|rustfmt|squash|style|tests?|update (dep|version)|wip"
    r"|v?\d+\.\d+)\b",
    re.IGNORECASE,
)
_ABOUT_TEXT = re.compile(
    r"\b(annotations?|changelog|clippy|comments?|copyright|deprecat\w*|docs?|docstrings?|document(ation)?|javadoc"
    r"|lint|phpstan|readme|spelling|type ?hints?|typos?|warnings?)\b",
    re.IGNORECASE,
)
# Labels and numbers of issues: [router], fix(router):, (#12), fixes gh-12.
_LABEL = re.compile(
    r"^\[[^\]]*\]\s*|^(bugfix|feat|feature|fix|perf|refactor)(\([^)]*\))?!?:\s*", re.IGNORECASE
)
_ISSUE = re.compile(
    r"\s*\(?(\b(close[sd]?|fix(e[sd])?|issue|refs?|resolve[sd]?|see)\b:?\s*)?(#|\bgh-)\d+\)?", re.IGNORECASE
)


@dataclass(frozen=True)
class Commit:
    """A commit with the status letter of each file that it changed."""

    revision: str
    parent: str
    subject: str
    statuses: dict[str, str]  # by path


def build(folder: Path, sources: Iterable[Source]) -> None:
    """Write the benchmark. Repositories with few questions are left out."""
    add_each(folder, sources, _add)


def _add(writer: BenchmarkWriter, source: Source) -> None:
    chosen = choose(read_commits(source.path))
    base = chosen[-1][0].parent if chosen else "HEAD"
    known = set(run_git(source.path, "ls-tree", "-r", "-z", "--name-only", base).split("\0"))
    items = [item for _, item in chosen if known.issuperset(item["relevant"])]
    print(f"{source.name}: {len(items)} questions at {base[:10]}")
    if len(items) >= MIN_QUESTIONS:
        check_out(source.path, base, writer.new_checkout(source.name))
        writer.add({"name": source.name, "language": main_language(items), "revision": base}, items)


def read_commits(repository: Path) -> Iterator[Commit]:
    """Yield the latest commits that are no merges, newest first."""
    options = ["--no-merges", "--no-renames", "--name-status", f"--max-count={MAX_COMMITS}"]
    log = run_git(repository, "-c", "core.quotePath=false", "log", *options, f"--format={_FORMAT}")
    for block in log.split("\x01")[1:]:
        head, *lines = block.splitlines()
        revision, parents, subject = head.split("\x02")
        changes = (line.split("\t", 1) for line in lines if "\t" in line)
        yield Commit(revision, parents.partition(" ")[0], subject, {path: status for status, path in changes})


def choose(commits: Iterable[Commit]) -> list[tuple[Commit, Item]]:
    """Return the commits that make good questions, a few for each file."""
    chosen: list[tuple[Commit, Item]] = []
    uses: Counter[str] = Counter()
    for commit in commits:
        text, paths = clean_subject(commit.subject), _answer(commit)
        is_used = any(uses[path] >= MAX_QUESTIONS_OF_FILE for path in paths)
        if is_used or not commit.parent or not is_question(commit.subject, text, paths):
            continue
        uses.update(paths)
        fields = {"category": "commit", "secondary": [], "commit": commit.revision[:12]}
        chosen.append((commit, {"query": text, "relevant": paths, **fields}))
        if len(chosen) == MAX_QUESTIONS:
            break
    return chosen


def clean_subject(subject: str) -> str:
    """Return the subject of a commit without labels and numbers of issues."""
    return _ISSUE.sub("", _LABEL.sub("", subject)).strip(" .,:-")


def _answer(commit: Commit) -> list[str]:
    """Return the source files that a commit changed; none if there are many or if it added or deleted one."""
    paths = [path for path in commit.statuses if is_source(path) and not _NOT_AN_ANSWER.search(path)]
    has_only_changes = all(commit.statuses[path] == "M" for path in paths)
    return paths if has_only_changes and len(paths) <= MAX_FILES else []


def is_question(subject: str, text: str, paths: list[str]) -> bool:
    """Return whether a subject describes a change of behaviour without naming the file."""
    if any(_ROUTINE.match(one) for one in (subject, text)) or _ABOUT_TEXT.search(text):
        return False
    words = re.findall(r"[A-Za-z]{2,}", text)
    names_file = any(PurePosixPath(path).name.lower() in text.lower() for path in paths)
    return bool(paths) and MIN_WORDS <= len(words) <= MAX_WORDS and not names_file
