"""Contexts for language models: packed from made-up hits, and by the engine in this process."""

import re
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from semls.engine.engine import Engine
from semls.engine.search.context import estimate_tokens, pack, render_markdown
from semls.engine.search.documents import Document
from semls.engine.search.query import parse_query
from semls.engine.search.retrieval import Hit
from semls.errors import UsageError
from semls.settings import Settings
from tests.conftest import FIXTURES
from tests.support.entries import make_entry
from tests.support.models import installed_folder

HASHING = Settings(model="hashing")
PLENTY = 100_000

SHAPES = '''\
"""Shapes."""

class Shape(
    Base,
):
    """What has an area."""

    def area(self):
        return 0

    def perimeter(self):
        return 1

    # Five lines
    # of comments
    # outside of
    # definitions:
    # left out.

    def scale(self, factor):
        return factor

def draw(shape):
    first(shape, 1)
    first(shape, 2)
    first(shape, 3)
    first(shape, 4)
    second(shape)
    third(shape)
'''
CHUNKS = [  # name, container, first row, last row, row of the name
    ("", "", 0, 0, 0),
    ("Shape", "", 2, 5, 2),
    ("area", "Shape", 7, 8, 7),
    ("perimeter", "Shape", 10, 11, 10),
    ("", "Shape", 13, 17, 13),
    ("scale", "Shape", 19, 20, 19),
    ("draw", "", 22, 26, 22),  # two chunks
    ("draw", "", 27, 28, 22),
]


def make_document(path="shapes.py", source=SHAPES, chunks=CHUNKS):
    lines = source.split("\n")
    offsets = [sum(len(line.encode()) + 1 for line in lines[:row]) for row in range(len(lines) + 1)]
    entries = []
    for name, container, first, last, name_row in chunks:
        signature = "class Shape( Base, )" if name == "Shape" else lines[name_row].strip().rstrip(":")
        entries.append(
            make_entry(
                path,
                name,
                container=container,
                signature=signature if name and first <= name_row else "",
                start_byte=offsets[first],
                end_byte=offsets[last + 1] - 1,
                start_row=first,
                end_row=last,
                end_column=len(lines[last]),
                name_row=name_row,
                name_column=4,
                name_end_row=name_row,
                name_end_column=9,
            )
        )
    return Document(Path("/work"), path, "python", source.encode(), entries)


def hits(document, *scored):
    """Return hits by the indices of their chunks, with the given or slowly falling scores."""
    found = []
    for rank, each in enumerate(scored):
        index, score = each if isinstance(each, tuple) else (each, 1 - rank / 100)
        entry = document.entries[index]
        text = document.content[entry.start_byte : entry.end_byte].decode()
        found.append((document, Hit(entry, score, text)))
    return found


def pack_markdown(found, budget=PLENTY):
    return render_markdown(pack(found, budget))


def headings(text):
    return re.findall(r"^## `+ ?(.*?) ?`+$", text, re.MULTILINE)


def test_pack_method_includes_signature_of_its_class():
    text = pack_markdown(hits(make_document(), 5), budget=90)
    assert text == (
        "## `shapes.py:3-5, 20-21`\n\n```python\n"
        "class Shape(\n    Base,\n):\n…\n    def scale(self, factor):\n        return factor\n```\n"
    )


def test_pack_methods_of_a_class_includes_its_signature_once():
    text = pack_markdown(hits(make_document(), 5, 2), budget=110)
    assert headings(text) == ["shapes.py:3-9, 20-21"]  # with the docstring, which lies in a small gap
    assert text.count("class Shape") == 1
    assert text.index("def area") < text.index("def scale")


def test_pack_fills_small_gaps_only():
    assert headings(pack_markdown(hits(make_document(), 2, 3))) == ["shapes.py:3-12"]
    assert headings(pack_markdown(hits(make_document(), 3, 5))) == ["shapes.py:3-5, 11-12, 20-21"]


def test_pack_chunk_includes_whole_definition_if_it_fits_else_signature():
    whole = pack_markdown(hits(make_document(), 7))
    assert headings(whole) == ["shapes.py:23-29"]
    assert pack_markdown(hits(make_document(), 7), budget=estimate_tokens(whole)) == whole
    alone = pack_markdown(hits(make_document(), 7), budget=estimate_tokens(whole) - 1)
    assert alone.startswith("## `shapes.py:23, 28-29`\n\n```python\ndef draw(shape):\n…\n    second(shape)\n")


def test_pack_class_includes_members_if_budget_is_large():
    assert headings(pack_markdown(hits(make_document(), 1))) == ["shapes.py:3-21"]
    assert headings(pack_markdown(hits(make_document(), 1), budget=120)) == ["shapes.py:3-6"]


def test_pack_class_includes_closing_line():
    source = "class A {\n  int x;\n\n  int get() { return x; }\n}\n"
    chunks = [("A", "", 0, 1, 0), ("get", "A", 3, 3, 3)]
    assert "}\n}\n```" in pack_markdown(hits(make_document("A.java", source, chunks), 0))


def test_pack_leaves_out_hits_with_low_scores():
    assert headings(pack_markdown(hits(make_document(), (7, 1.0), (2, 0.1)))) == ["shapes.py:23-29"]


def test_pack_with_boosted_best_hit_keeps_good_hits():
    assert "def area" in pack_markdown(hits(make_document(), (7, 9.0), (2, 1.9)))


def test_pack_skips_hit_that_does_not_fit():
    large = make_document("large.py", "def f():\n" + "    call(1, 2, 3)\n" * 200, [("f", "", 0, 199, 0)])
    text = pack_markdown([*hits(large, (0, 1.0)), *hits(make_document(), (2, 0.9))], budget=120)
    assert headings(text) == ["shapes.py:3-9"]


def test_pack_orders_files_by_best_hit():
    one, other = make_document("one.py"), make_document("other.py", SHAPES.replace("area", "surface"))
    text = pack_markdown([*hits(other, (7, 1.0)), *hits(one, (3, 0.9)), *hits(other, (2, 0.8))])
    assert [heading.partition(":")[0] for heading in headings(text)] == ["other.py", "one.py"]


def test_pack_counts_separators_of_sections():
    found = [
        *hits(make_document("one.py"), 7),
        *hits(make_document("other.py", SHAPES.replace("(shape", "(box")), 7),
    ]
    both = pack_markdown(found)
    assert len(headings(both)) == 2
    assert pack_markdown(found, budget=estimate_tokens(both)) == both
    assert estimate_tokens(pack_markdown(found, budget=estimate_tokens(both) - 1)) < estimate_tokens(both)


def test_pack_includes_exact_duplicate_once():
    indented = "class Box:\n    def area(self):\n            return 0\n"
    duplicate = make_document("copy.py", indented, [("Box", "", 0, 0, 0), ("area", "Box", 1, 2, 1)])
    text = pack_markdown([*hits(make_document(), (2, 1.0)), *hits(duplicate, (1, 0.9))])
    assert text.count("def area") == 1
    assert "copy.py" not in text


def test_pack_includes_same_chunk_once():
    assert pack_markdown(hits(make_document(), 1, 2, 3, 2)) == pack_markdown(hits(make_document(), 1))


def test_pack_fence_is_longer_than_any_in_the_code():
    source = "def f():\n    return '''\n````\n## injected\n'''\n"
    text = pack_markdown(hits(make_document("f.py", source, [("f", "", 0, 4, 0)]), 0))
    assert text.splitlines()[2] == "`````python"
    assert text.splitlines()[-1] == "`````"


def test_pack_escapes_path_in_headings():
    text = pack_markdown(hits(make_document("a`\n## b\x1b[2J.py"), 2), budget=90)
    assert text.splitlines()[0] == "## `` a`\\n## b\\x1b[2J.py:3-9 ``"


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_pack_normalizes_line_ends(ending):
    source = "def f():\n    return 1"
    given = make_document("f.py", source, [("f", "", 0, 1, 0)])
    other = Document(Path("/work"), "f.py", "python", source.replace("\n", ending).encode(), given.entries)
    assert pack_markdown([(other, hits(given, 0)[0][1])]) == pack_markdown(hits(given, 0))


def test_pack_with_too_small_budget_reports_the_needed_tokens():
    with pytest.raises(UsageError, match="too few") as raised:
        pack(hits(make_document(), 5, 2), 20)
    needed = int(re.findall(r"\d+", str(raised.value))[-1])
    assert estimate_tokens(pack_markdown(hits(make_document(), 5, 2), needed)) <= needed
    with pytest.raises(UsageError):
        pack(hits(make_document(), 5, 2), needed - 1)


def test_pack_without_hits_returns_empty_text():
    assert pack_markdown([], 1) == ""


def test_estimate_tokens_is_not_below_a_real_tokenizer():
    tokenizer = Tokenizer.from_file(str(installed_folder() / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    sources = [
        *Path(__file__).parents[2].rglob("test_*.py"),
        *(path for name in ("shop", "gpt") for path in (FIXTURES / name).rglob("*") if path.is_file()),
    ]
    assert len(sources) > 20
    for path in sources:
        text = path.read_text("utf-8")
        real = len(tokenizer.encode(text, add_special_tokens=False).ids)
        assert real <= estimate_tokens(text) <= 2.5 * real, path


@pytest.mark.parametrize(
    ("text", "minimum"),
    [
        ("", 0),
        ("x", 1),
        ("日本語", 3),
        ("😀", 2),
        ("\x1b[0m", 4),
        ("}" * 50, 13),
        (" " * 400, 5),
        ("0" * 30, 10),
    ],
)
def test_estimate_tokens_of_unusual_text_is_plausible(text, minimum):
    assert minimum <= estimate_tokens(text) <= max(3 * minimum, 4 * len(text))


# With the engine


@pytest.fixture
async def engine(tmp_path):
    engine = Engine(tmp_path / "cache")
    yield engine
    await engine.close()


async def index(engine, root):
    async for _ in engine.index(str(root), HASHING):
        pass


async def find(engine, text, *roots, budget=4000, **options):
    for root in roots:
        await index(engine, root)
    answer, sections = await engine.context(
        {str(root): HASHING for root in roots}, parse_query(text, **options), budget
    )
    return answer, render_markdown(sections)


async def test_context_of_one_chunk_includes_whole_long_definition(engine, tmp_path):
    (tmp_path / "w").mkdir()
    lines = [f"    sum_{number} = first_{number} + second_{number}\n" for number in range(150)]
    lines[140] = "    quarantine = parcel.customs\n"
    (tmp_path / "w/long.py").write_text(f"import os\n\ndef process(parcel):\n{''.join(lines)}    return 1\n")
    _, text = await find(engine, "quarantine of a parcel by customs", tmp_path / "w", budget=10_000)
    assert headings(text)[0] == "long.py:3-154"
    _, excerpt = await find(engine, "quarantine of a parcel by customs", tmp_path / "w", budget=2500)
    assert "def process(parcel):\n…\n" in excerpt
    assert "quarantine = parcel.customs" in excerpt


async def test_context_never_exceeds_budget(engine, workspace):
    shop = workspace("shop")
    _, everything = await find(engine, "sessions orders pictures", shop, budget=PLENTY)
    largest = estimate_tokens(everything)
    assert largest > 600
    used = set()
    for budget in [*range(1, largest, 19), 5 * largest]:  # a class with its members takes at most a quarter
        try:
            _, sections = await engine.context(
                {str(shop): HASHING}, parse_query("sessions orders pictures"), budget
            )
        except UsageError:
            assert budget < 200
            continue
        used.add(estimate_tokens(render_markdown(sections)))
        assert max(used) <= budget
    assert len(used) > 5
    assert largest in used


async def test_context_headings_give_the_lines_of_the_code(engine, workspace):
    shop = workspace("shop")
    _, text = await find(engine, "evict expired sessions", shop)
    blocks = re.findall(r"^## `(.+?):([\d, -]+)`\n\n(`{3,})\w*\n(.*?)\n\3$", text, re.MULTILINE | re.DOTALL)
    assert "store/session.rs" in {path for path, *_ in blocks}
    assert len(blocks) == len(set(headings(text)))
    for path, numbers, _, code in blocks:
        lines = (shop / path).read_text("utf-8").splitlines()
        spans = [span.split("-") for span in numbers.split(", ")]
        expected = ["\n".join(lines[int(span[0]) - 1 : int(span[-1])]) for span in spans]
        assert code.split("\n…\n") == expected


async def test_context_with_filters_includes_matching_files_only(engine, workspace):
    _, text = await find(engine, "session of a visitor", workspace("shop"), languages=["rust"])
    assert {heading.partition(":")[0] for heading in headings(text)} == {"store/session.rs"}


async def test_context_of_changed_file_has_its_current_code(engine, workspace):
    shop = workspace("shop")
    await find(engine, "fit_into", shop)
    path = shop / "worker/thumbnails.py"
    path.write_text("\n\n\n" + path.read_text())
    _, sections = await engine.context({str(shop): HASHING}, parse_query("fit_into"), 4000)
    (section,) = (each for each in sections if each.document.path == "worker/thumbnails.py")
    start = path.read_text().splitlines().index("def fit_into(picture: Size, frame: Size) -> Size:")
    assert start in section.rows
    assert section.document.lines[start].startswith("def fit_into")
    path.unlink()
    _, text = await find(engine, "fit_into", shop)
    assert "thumbnails.py" not in text


@pytest.mark.parametrize("read_again", [False, True])
async def test_context_leaves_out_file_that_changes_after_the_search(tmp_path, workspace, read_again):
    shop = workspace("shop")
    path = shop / "worker/thumbnails.py"

    class Interrupted(Engine):
        edited = False

        async def search(self, *arguments):
            answer = await super().search(*arguments)
            if self.edited:
                path.write_text("# moved\n" + path.read_text())
            if self.edited and read_again:
                await index(self, shop)
            return answer

    engine = Interrupted(tmp_path / "cache")
    _, before = await find(engine, "fit_into or evict_expired", shop)
    engine.edited = True
    _, after = await find(engine, "fit_into or evict_expired", shop)
    await engine.close()
    assert "thumbnails.py" in before
    assert "thumbnails.py" not in after
    assert "session.rs" in after


async def test_context_of_several_workspaces_combines_them(engine, workspace):
    answer, text = await find(engine, "load_decoder evict_expired", workspace("shop"), workspace("gpt"))
    assert {"shop/store/session.rs", "gpt/model/tokenizer.py"} <= {
        heading.partition(":")[0] for heading in headings(text)
    }
    assert answer.model == "hashing"


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        (["wa", "wb"], ["wa/s.py", "wb/s.py"]),
        (["wa/src", "wb/src"], ["wa/src/s.py", "wb/src/s.py"]),
        (["wa", "x/wa"], ["{}/wa/s.py", "x/wa/s.py"]),
    ],
)
async def test_context_of_several_workspaces_distinguishes_equal_paths(engine, tmp_path, folders, expected):
    workspaces = [tmp_path / folder for folder in folders]
    for number, folder in enumerate(workspaces):
        folder.mkdir(parents=True)
        (folder / "s.py").write_text(f"def renew_session():\n    return {number}\n")
    _, text = await find(engine, "renew session", *workspaces)
    assert sorted(headings(text)) == sorted(f"{path.format(tmp_path.name)}:1-2" for path in expected)
