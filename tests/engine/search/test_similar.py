"""Similar code, found by the engine in this process with real stores."""

import threading
from dataclasses import replace

import pytest

from semls.engine.engine import Engine
from semls.engine.models import presets, registry
from semls.engine.models.encoder import HashingEncoder
from semls.errors import UsageError
from semls.settings import DEFAULT_MODEL, Settings

HASHING = Settings(model="hashing")

REFERENCE = """\
import json


def load_settings(path):
    # The settings of a user.
    with open(path) as file:
        return json.load(file)
"""
FILES = {
    "reference.py": REFERENCE,
    "crlf.py": REFERENCE.replace("\n", "\r\n"),
    "deep/method.py": "class Store:\n    size = 1\n\n"
    + "".join(f"    {line}\n" for line in REFERENCE.splitlines()[3:])
    + "\n\n    def other(self): ...\n",
    "changed.py": REFERENCE.replace("of a user", "of all users"),
    "similar.py": "def read_settings(path):\n    with open(path) as file:\n        return json.loads(file)\n",
    "twin/one.py": "def save_settings(path):\n    with open(path) as file:\n        json.dump({}, file)\n",
    "twin/two.py": "def save_settings(path):\n\n  with open(path) as file:\n    json.dump({}, file)\n",
    "far.py": "def rotate(matrix):\n    return [list(row) for row in zip(*matrix[::-1])]\n",
    "notes.txt": "with open path as file return json load file settings",
}


@pytest.fixture
async def engine(tmp_path):
    engine = Engine(tmp_path / "cache")
    yield engine
    await engine.close()


@pytest.fixture
def root(tmp_path):
    for path, text in FILES.items():
        file = tmp_path / "work" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    return tmp_path / "work"


async def index(engine, root, settings=HASHING):
    return [progress async for progress in engine.index(str(root), settings)][-1]


async def find(engine, root, path, line, limit=10, settings=HASHING, **options):
    return await engine.similar(str(root), settings, str(root / path), line - 1, limit, **options)


def hit_names(found):
    return [(hit.entry.path, hit.entry.name) for hit, _ in found.similar.hits]


@pytest.mark.parametrize("lexical_only", [False, True])
async def test_similar_returns_duplicates_and_similar_code(engine, root, lexical_only):
    await index(engine, root)
    found = await find(engine, root, "reference.py", 5, lexical_only=lexical_only)
    assert found.model == ("" if lexical_only else "hashing")
    assert found.similar.entry.name == "load_settings"
    assert [entry.path for entry in found.similar.duplicates] == ["crlf.py", "deep/method.py"]
    assert [entry.container for entry in found.similar.duplicates] == ["", "Store"]
    assert hit_names(found)[0] == ("changed.py", "load_settings")
    assert {("similar.py", "read_settings"), ("twin/one.py", "save_settings")} <= set(hit_names(found)[1:4])
    assert not {"reference.py", "crlf.py"} & {path for path, name in hit_names(found) if name}
    scores = [hit.score for hit, _ in found.similar.hits]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[0] <= 1.001


@pytest.mark.parametrize("lexical_only", [False, True])
async def test_similar_duplicates_of_one_another_are_one_hit(engine, root, lexical_only):
    await index(engine, root)
    found = await find(engine, root, "similar.py", 1, lexical_only=lexical_only)
    counts = {hit.entry.name: count for hit, count in found.similar.hits if hit.entry.path != "changed.py"}
    assert counts["save_settings"] == 2
    assert counts["load_settings"] == 3
    assert [name for _, name in hit_names(found)].count("save_settings") == 1


async def test_similar_returns_at_most_limit_hits(engine, root):
    await index(engine, root)
    assert len(hit_names(await find(engine, root, "reference.py", 5, limit=2))) == 2


@pytest.mark.parametrize("line", [1, 30, 200])
async def test_similar_to_long_definition_leaves_out_its_chunks_and_members(engine, root, line):
    lines = [f"        total_{number} = first_{number} + second_{number}\n" for number in range(120)]
    body = "".join(lines)
    (root / "long.py").write_text(
        f"def long():\n{body}        return 1\n\n\nclass Sums:\n    count = 1\n\n    def add(self):\n{body}"
    )
    (root / "other.py").write_text(f"def other():\n{body[:900]}")
    await index(engine, root)
    found = await find(engine, root, "long.py", line)
    assert found.similar.entry.name == ("long" if line < 120 else "add")
    assert all(name != found.similar.entry.name for _, name in hit_names(found))
    assert ("other.py", "other") in hit_names(found)
    members = hit_names(await find(engine, root, "long.py", 126))
    assert ("long.py", "long") in members
    assert ("long.py", "add") not in members


@pytest.mark.parametrize("lexical_only", [False, True])
async def test_similar_long_definition_is_one_hit_or_duplicate(engine, root, lexical_only):
    lines = [f"    total_{number} = first_{number} + second_{number}\n" for number in range(200)]
    (root / "long.py").write_text(f"def long():\n{''.join(lines)}")
    (root / "copy.py").write_text(f"def long():\n{''.join(lines)}    return total_0\n")
    other = [line.replace("first", "third") for line in lines]
    (root / "other.py").write_text(f"def other():\n{''.join(other)}")
    await index(engine, root)
    found = (await find(engine, root, "long.py", 1, lexical_only=lexical_only)).similar
    paths = [hit.entry.path for hit, _ in found.hits] + [entry.path for entry in found.duplicates]
    assert paths.count("other.py") == 1
    assert paths.count("copy.py") == 1
    assert "long.py" not in paths


async def test_similar_to_code_between_definitions_returns_duplicates(engine, root):
    await index(engine, root)
    found = await find(engine, root, "reference.py", 1)
    assert (found.similar.entry.name, found.similar.text) == ("", "import json")
    assert [entry.path for entry in found.similar.duplicates] == ["changed.py", "crlf.py"]


async def test_similar_penalizes_prose_with_the_same_words(engine, root):
    await index(engine, root)
    found = hit_names(await find(engine, root, "similar.py", 1, limit=20))
    assert found.index(("notes.txt", "")) > found.index(("changed.py", "load_settings"))


@pytest.mark.parametrize("lexical_only", [False, True])
async def test_similar_in_changed_file_reads_it_first(engine, root, lexical_only):
    await index(engine, root)
    (root / "far.py").write_text("\n\n\n" + REFERENCE.replace("of a user", "of one user"))
    found = await find(engine, root, "far.py", 8, lexical_only=lexical_only)
    assert found.similar.entry.name == "load_settings"
    assert found.similar.entry.start_row == 6
    assert found.model == ("" if lexical_only else "hashing")
    assert hit_names(found)[0][1] == "load_settings"


async def test_similar_in_new_file_reads_it_first(engine, root):
    await index(engine, root)
    (root / "new.py").write_text(REFERENCE)
    found = await find(engine, root, "new.py", 5)
    assert [entry.path for entry in found.similar.duplicates] == ["crlf.py", "deep/method.py", "reference.py"]


async def test_similar_with_changed_hits_returns_current_ones(engine, root):
    await index(engine, root)
    (root / "changed.py").write_text("\n\n" + FILES["changed.py"])
    (root / "crlf.py").unlink()
    found = await find(engine, root, "reference.py", 5)
    assert [entry.path for entry in found.similar.duplicates] == ["deep/method.py"]
    (first, _), *_ = found.similar.hits
    assert (first.entry.path, first.entry.start_row) == ("changed.py", 5)


class Slow(HashingEncoder):
    """A fake encoder that is slow until `released` is set."""

    model = replace(presets.HASHING, name=DEFAULT_MODEL)
    released = threading.Event()

    def encode_documents(self, texts, preempt=None):
        self.released.wait(0.5)
        return super().encode_documents(texts, preempt)


async def test_similar_is_lexical_until_half_of_the_chunks_have_vectors(engine, root, monkeypatch):
    slow = Slow()
    slow.released.set()
    monkeypatch.setattr(registry, "load_encoder", lambda *_: slow)
    before = await index(engine, root, Settings())
    slow.released.clear()
    for number in range(200):
        (root / f"many{number}.py").write_text(f"def many_{number}():\n    return {number}\n")
    async for progress in engine.index(str(root), Settings()):
        if progress.coverage.chunks > 200:
            break
    assert before.coverage.embedded > 10
    during = await find(engine, root, "reference.py", 5, settings=Settings())
    assert 0 < during.coverage.embedded < 100
    assert (during.model, hit_names(during)[0]) == ("", ("changed.py", "load_settings"))
    slow.released.set()
    await index(engine, root, Settings())
    after = await find(engine, root, "reference.py", 5, settings=Settings())
    assert (after.model, hit_names(after)[0]) == (DEFAULT_MODEL, ("changed.py", "load_settings"))


@pytest.mark.parametrize(
    ("path", "line", "message"),
    [
        ("reference.py", 2, "no code in line 2 of reference.py"),
        ("reference.py", 900, "no code in line 900 of reference.py: the last line with code is 7. Name"),
        ("empty.py", 1, "There is no code in empty.py. Name a file"),
        ("blank.py", 2, "There is no code in blank.py. Name a file"),
        ("nowhere.py", 1, "no file"),
        ("deep", 1, "deep is a folder: name a file in it"),
        ("..", 1, "outside the workspace"),
        ("broken.py", 1, "broken.py is not a regular file, or is a broken link"),
        ("a\0b.py", 1, "no file"),
        ("picture.png", 1, "not indexed: binary"),
        ("ignored/a.py", 1, "not indexed: .*semls status"),
        ("../outside.py", 1, "outside the workspace"),
        ("link.py", 1, "outside the workspace"),
    ],
)
async def test_similar_without_code_explains_why(engine, root, path, line, message):
    (root / "picture.png").write_bytes(b"\x89PNG\0")
    (root / "empty.py").write_text("")
    (root / "blank.py").write_text("\n\n  \n")
    (root / "broken.py").symlink_to("nowhere.py")
    (root / ".gitignore").write_text("ignored/\n")
    (root / "ignored").mkdir()
    (root / "ignored/a.py").write_text(REFERENCE)
    (root.parent / "outside.py").write_text(REFERENCE)
    (root / "link.py").symlink_to(root.parent / "outside.py")
    await index(engine, root)
    with pytest.raises(UsageError, match=message):
        await find(engine, root, path, line)


async def test_similar_with_relative_path_is_refused(engine, root, monkeypatch):
    monkeypatch.chdir(root)
    with pytest.raises(UsageError, match="absolute"):
        await engine.similar(str(root), HASHING, "reference.py", 4, 10)


async def test_similar_to_text_without_words_finds_nothing(engine, root):
    (root / "signs.txt").write_text("*** +++ ---\n")
    await index(engine, root)
    found = await find(engine, root, "signs.txt", 1, lexical_only=True)
    assert (found.similar.duplicates, found.similar.hits) == ((), ())
