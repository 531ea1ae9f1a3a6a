"""Code that is like other code, with the engine in this process and real stores."""

import threading
from dataclasses import replace

import pytest

from semls.engine.engine import Engine
from semls.engine.models import presets, registry
from semls.engine.models.encoder import HashingEncoder
from semls.errors import UsageError
from semls.settings import DEFAULT_MODEL, Settings

HASHING = Settings(model="hashing")

ASKED = """\
import json


def load_settings(path):
    # The settings of a user.
    with open(path) as file:
        return json.load(file)
"""
FILES = {
    "asked.py": ASKED,
    "crlf.py": ASKED.replace("\n", "\r\n"),
    "deep/method.py": "class Store:\n    size = 1\n\n"
    + "".join(f"    {line}\n" for line in ASKED.splitlines()[3:])
    + "\n\n    def other(self): ...\n",
    "changed.py": ASKED.replace("of a user", "of all users"),
    "alike.py": "def read_settings(path):\n    with open(path) as file:\n        return json.loads(file)\n",
    "twin/one.py": "def save_settings(path):\n    with open(path) as file:\n        json.dump({}, file)\n",
    "twin/two.py": "def save_settings(path):\n\n  with open(path) as file:\n    json.dump({}, file)\n",
    "far.py": "def rotate(matrix):\n    return [list(row) for row in zip(*matrix[::-1])]\n",
    "notes.txt": "with open path as file return json load file settings",
}


@pytest.fixture
async def engine(tmp_path):
    made = Engine(tmp_path / "cache")
    yield made
    await made.close()


@pytest.fixture
def root(tmp_path):
    for path, text in FILES.items():
        file = tmp_path / "work" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    return tmp_path / "work"


async def index(engine, root, settings=HASHING):
    return [step async for step in engine.index(str(root), settings)][-1]


async def ask(engine, root, path, line, limit=10, settings=HASHING, **options):
    return await engine.similar(str(root), settings, str(root / path), line - 1, limit, **options)


def places(found):
    return [(hit.entry.path, hit.entry.name) for hit, _ in found.similar.hits]


@pytest.mark.parametrize("lexical_only", [False, True])
async def test_copies_are_listed_and_what_is_alike_is_found(engine, root, lexical_only):
    await index(engine, root)
    found = await ask(engine, root, "asked.py", 5, lexical_only=lexical_only)
    assert found.model == ("" if lexical_only else "hashing")
    assert found.similar.entry.name == "load_settings"
    assert [copy.path for copy in found.similar.copies] == ["crlf.py", "deep/method.py"]
    assert [copy.container for copy in found.similar.copies] == ["", "Store"]
    assert places(found)[0] == ("changed.py", "load_settings")
    assert {("alike.py", "read_settings"), ("twin/one.py", "save_settings")} <= set(places(found)[1:4])
    assert not {"asked.py", "crlf.py"} & {path for path, name in places(found) if name}
    scores = [hit.score for hit, _ in found.similar.hits]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[0] <= 1.001


@pytest.mark.parametrize("lexical_only", [False, True])
async def test_copies_of_one_another_are_one_hit(engine, root, lexical_only):
    await index(engine, root)
    found = await ask(engine, root, "alike.py", 1, lexical_only=lexical_only)
    counts = {hit.entry.name: count for hit, count in found.similar.hits if hit.entry.path != "changed.py"}
    assert counts["save_settings"] == 2
    assert counts["load_settings"] == 3
    assert [name for _, name in places(found)].count("save_settings") == 1


async def test_the_limit_is_kept(engine, root):
    await index(engine, root)
    assert len(places(await ask(engine, root, "asked.py", 5, limit=2))) == 2


@pytest.mark.parametrize("line", [1, 30, 200])
async def test_a_long_definition_is_not_like_its_own_parts_and_members(engine, root, line):
    lines = [f"        total_{number} = first_{number} + second_{number}\n" for number in range(120)]
    body = "".join(lines)
    (root / "long.py").write_text(
        f"def long():\n{body}        return 1\n\n\nclass Sums:\n    count = 1\n\n    def add(self):\n{body}"
    )
    (root / "other.py").write_text(f"def other():\n{body[:900]}")
    await index(engine, root)
    found = await ask(engine, root, "long.py", line)
    assert found.similar.entry.name == ("long" if line < 120 else "add")
    assert all(name != found.similar.entry.name for _, name in places(found))
    assert ("other.py", "other") in places(found)
    members = places(await ask(engine, root, "long.py", 126))
    assert ("long.py", "long") in members
    assert ("long.py", "add") not in members


@pytest.mark.parametrize("lexical_only", [False, True])
async def test_similar_long_definition_is_one_hit_or_copy(engine, root, lexical_only):
    lines = [f"    total_{number} = first_{number} + second_{number}\n" for number in range(200)]
    (root / "long.py").write_text(f"def long():\n{''.join(lines)}")
    (root / "copy.py").write_text(f"def long():\n{''.join(lines)}    return total_0\n")
    other = [line.replace("first", "third") for line in lines]
    (root / "other.py").write_text(f"def other():\n{''.join(other)}")
    await index(engine, root)
    found = (await ask(engine, root, "long.py", 1, lexical_only=lexical_only)).similar
    places = [hit.entry.path for hit, _ in found.hits] + [copy.path for copy in found.copies]
    assert places.count("other.py") == 1
    assert places.count("copy.py") == 1
    assert "long.py" not in places


async def test_what_lies_between_definitions_can_be_asked_about(engine, root):
    await index(engine, root)
    found = await ask(engine, root, "asked.py", 1)
    assert (found.similar.entry.name, found.similar.text) == ("", "import json")
    assert [copy.path for copy in found.similar.copies] == ["changed.py", "crlf.py"]


async def test_definitions_come_before_prose_with_the_same_words(engine, root):
    await index(engine, root)
    found = places(await ask(engine, root, "alike.py", 1, limit=20))
    assert found.index(("notes.txt", "")) > found.index(("changed.py", "load_settings"))


@pytest.mark.parametrize("lexical_only", [False, True])
async def test_a_file_that_changed_is_read_again_and_compared_at_once(engine, root, lexical_only):
    await index(engine, root)
    (root / "far.py").write_text("\n\n\n" + ASKED.replace("of a user", "of one user"))
    found = await ask(engine, root, "far.py", 8, lexical_only=lexical_only)
    assert found.similar.entry.name == "load_settings"
    assert found.similar.entry.start_row == 6
    assert found.model == ("" if lexical_only else "hashing")
    assert places(found)[0][1] == "load_settings"


async def test_a_file_that_is_new_is_read(engine, root):
    await index(engine, root)
    (root / "new.py").write_text(ASKED)
    found = await ask(engine, root, "new.py", 5)
    assert [copy.path for copy in found.similar.copies] == ["asked.py", "crlf.py", "deep/method.py"]


async def test_hits_and_copies_are_as_they_are_now(engine, root):
    await index(engine, root)
    (root / "changed.py").write_text("\n\n" + FILES["changed.py"])
    (root / "crlf.py").unlink()
    found = await ask(engine, root, "asked.py", 5)
    assert [copy.path for copy in found.similar.copies] == ["deep/method.py"]
    (first, _), *_ = found.similar.hits
    assert (first.entry.path, first.entry.start_row) == ("changed.py", 5)


class Slow(HashingEncoder):
    """A model that takes its time until it is told to hurry."""

    model = replace(presets.HASHING, name=DEFAULT_MODEL)
    told = threading.Event()

    def encode_documents(self, texts, preempt=None):
        self.told.wait(0.5)
        return super().encode_documents(texts, preempt)


async def test_words_answer_until_half_of_the_workspace_has_vectors(engine, root, monkeypatch):
    slow = Slow()
    slow.told.set()
    monkeypatch.setattr(registry, "load_encoder", lambda *_: slow)
    before = await index(engine, root, Settings())
    slow.told.clear()
    for number in range(200):
        (root / f"many{number}.py").write_text(f"def many_{number}():\n    return {number}\n")
    async for step in engine.index(str(root), Settings()):
        if step.coverage.chunks > 200:
            break
    assert before.coverage.embedded > 10
    meanwhile = await ask(engine, root, "asked.py", 5, settings=Settings())
    assert 0 < meanwhile.coverage.embedded < 100
    assert (meanwhile.model, places(meanwhile)[0]) == ("", ("changed.py", "load_settings"))
    slow.told.set()
    await index(engine, root, Settings())
    after = await ask(engine, root, "asked.py", 5, settings=Settings())
    assert (after.model, places(after)[0]) == (DEFAULT_MODEL, ("changed.py", "load_settings"))


@pytest.mark.parametrize(
    ("path", "line", "words"),
    [
        ("asked.py", 2, "no code in line 2 of asked.py"),
        ("asked.py", 900, "no code in line 900 of asked.py, whose code ends in line 7: name"),
        ("empty.py", 1, "There is no code in empty.py: name a file"),
        ("blank.py", 2, "There is no code in blank.py: name a file"),
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
async def test_a_place_without_code_is_explained(engine, root, path, line, words):
    (root / "picture.png").write_bytes(b"\x89PNG\0")
    (root / "empty.py").write_text("")
    (root / "blank.py").write_text("\n\n  \n")
    (root / "broken.py").symlink_to("nowhere.py")
    (root / ".gitignore").write_text("ignored/\n")
    (root / "ignored").mkdir()
    (root / "ignored/a.py").write_text(ASKED)
    (root.parent / "outside.py").write_text(ASKED)
    (root / "link.py").symlink_to(root.parent / "outside.py")
    await index(engine, root)
    with pytest.raises(UsageError, match=words):
        await ask(engine, root, path, line)


async def test_a_path_that_is_not_absolute_is_refused(engine, root, monkeypatch):
    monkeypatch.chdir(root)
    with pytest.raises(UsageError, match="absolute"):
        await engine.similar(str(root), HASHING, "asked.py", 4, 10)


async def test_code_without_any_word_is_like_nothing(engine, root):
    (root / "signs.txt").write_text("*** +++ ---\n")
    await index(engine, root)
    found = await ask(engine, root, "signs.txt", 1, lexical_only=True)
    assert (found.similar.copies, found.similar.hits) == ((), ())
