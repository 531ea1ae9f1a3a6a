"""What is packed for a language model: from hand-made hits, and by the engine in this process."""

import re
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from semls.engine.engine import Engine
from semls.engine.models.download import bundled_model
from semls.engine.search.context import Document, count_tokens, markdown, pack
from semls.engine.search.query import query
from semls.engine.search.retrieval import Hit
from semls.errors import UsageError
from semls.settings import Settings
from tests.conftest import FIXTURES
from tests.support.entries import make_entry

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
    # that belong
    # to nobody:
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
CHUNKS = [  # name, container, first and last row, row of the name
    ("", "", 0, 0, 0),
    ("Shape", "", 2, 5, 2),
    ("area", "Shape", 7, 8, 7),
    ("perimeter", "Shape", 10, 11, 10),
    ("", "Shape", 13, 17, 13),
    ("scale", "Shape", 19, 20, 19),
    ("draw", "", 22, 26, 22),  # in two parts
    ("draw", "", 27, 28, 22),
]


def document(path="shapes.py", source=SHAPES, chunks=CHUNKS):
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


def hits(of, *scored):
    """Hits by the numbers of their chunks; scores fall slowly unless they are given."""
    found = []
    for rank, each in enumerate(scored):
        number, score = each if isinstance(each, tuple) else (each, 1 - rank / 100)
        entry = of.entries[number]
        text = of.content[entry.start_byte : entry.end_byte].decode()
        found.append((of, Hit(entry, score, text)))
    return found


def packed(found, budget=PLENTY):
    return markdown(pack(found, budget))


def heading(text):
    return re.findall(r"^## `+ ?(.*?) ?`+$", text, re.MULTILINE)


def test_a_method_comes_under_the_header_of_its_class():
    text = packed(hits(document(), 5), budget=90)
    assert text == (
        "## `shapes.py:3-5, 20-21`\n\n```python\n"
        "class Shape(\n    Base,\n):\n…\n    def scale(self, factor):\n        return factor\n```\n"
    )


def test_methods_of_a_class_share_one_header_and_come_by_line():
    text = packed(hits(document(), 5, 2), budget=110)
    assert heading(text) == ["shapes.py:3-9, 20-21"]  # with the docstring, which lies in a small gap
    assert text.count("class Shape") == 1
    assert text.index("def area") < text.index("def scale")


def test_small_gaps_are_filled_and_large_ones_are_not():
    assert heading(packed(hits(document(), 2, 3))) == ["shapes.py:3-12"]
    assert heading(packed(hits(document(), 3, 5))) == ["shapes.py:3-5, 11-12, 20-21"]


def test_a_part_brings_its_whole_definition_or_else_the_line_it_begins_with():
    whole = packed(hits(document(), 7))
    assert heading(whole) == ["shapes.py:23-29"]
    assert packed(hits(document(), 7), budget=count_tokens(whole)) == whole
    alone = packed(hits(document(), 7), budget=count_tokens(whole) - 1)
    assert alone.startswith("## `shapes.py:23, 28-29`\n\n```python\ndef draw(shape):\n…\n    second(shape)\n")


def test_a_class_comes_with_all_its_members_where_there_is_much_room():
    assert heading(packed(hits(document(), 1))) == ["shapes.py:3-21"]
    assert heading(packed(hits(document(), 1), budget=120)) == ["shapes.py:3-6"]


def test_the_line_that_closes_a_class_comes_with_it():
    source = "class A {\n  int x;\n\n  int get() { return x; }\n}\n"
    chunks = [("A", "", 0, 1, 0), ("get", "A", 3, 3, 3)]
    assert "}\n}\n```" in packed(hits(document("A.java", source, chunks), 0))


def test_what_is_far_below_the_best_is_left_out():
    assert heading(packed(hits(document(), (7, 1.0), (2, 0.1)))) == ["shapes.py:23-29"]


def test_an_exact_name_does_not_shut_out_what_is_good():
    assert "def area" in packed(hits(document(), (7, 4.0), (2, 0.8)))


def test_a_hit_that_does_not_fit_makes_room_for_smaller_ones():
    large = document("large.py", "def f():\n" + "    call(1, 2, 3)\n" * 200, [("f", "", 0, 199, 0)])
    text = packed([*hits(large, (0, 1.0)), *hits(document(), (2, 0.9))], budget=120)
    assert heading(text) == ["shapes.py:3-9"]


def test_files_come_best_first():
    one, other = document("one.py"), document("other.py", SHAPES.replace("area", "surface"))
    text = packed([*hits(other, (7, 1.0)), *hits(one, (3, 0.9)), *hits(other, (2, 0.8))])
    assert [place.partition(":")[0] for place in heading(text)] == ["other.py", "one.py"]


def test_what_stands_between_sections_counts():
    found = [*hits(document("one.py"), 7), *hits(document("other.py", SHAPES.replace("(shape", "(box")), 7)]
    both = packed(found)
    assert len(heading(both)) == 2
    assert packed(found, budget=count_tokens(both)) == both
    assert count_tokens(packed(found, budget=count_tokens(both) - 1)) < count_tokens(both)


def test_an_exact_copy_comes_once():
    indented = "class Box:\n    def area(self):\n            return 0\n"
    copy = document("copy.py", indented, [("Box", "", 0, 0, 0), ("area", "Box", 1, 2, 1)])
    text = packed([*hits(document(), (2, 1.0)), *hits(copy, (1, 0.9))])
    assert text.count("def area") == 1
    assert "copy.py" not in text


def test_what_is_there_already_is_not_taken_again():
    assert packed(hits(document(), 1, 2, 3, 2)) == packed(hits(document(), 1))


def test_nothing_in_a_file_can_close_the_fence():
    source = "def f():\n    return '''\n````\n## injected\n'''\n"
    text = packed(hits(document("f.py", source, [("f", "", 0, 4, 0)]), 0))
    assert text.splitlines()[2] == "`````python"
    assert text.splitlines()[-1] == "`````"


def test_a_path_cannot_forge_a_heading():
    text = packed(hits(document("a`\n## b\x1b[2J.py"), 2), budget=90)
    assert text.splitlines()[0] == "## `` a`\\n## b\\x1b[2J.py:3-9 ``"


@pytest.mark.parametrize("ending", ["\r\n", "\r"])
def test_line_ends_of_all_kinds_become_one(ending):
    source = "def f():\n    return 1"
    given = document("f.py", source, [("f", "", 0, 1, 0)])
    other = Document(Path("/work"), "f.py", "python", source.replace("\n", ending).encode(), given.entries)
    assert packed([(other, hits(given, 0)[0][1])]) == packed(hits(given, 0))


def test_a_budget_for_nothing_is_refused_with_the_least_that_helps():
    with pytest.raises(UsageError, match="too few") as raised:
        pack(hits(document(), 5, 2), 20)
    least = int(re.findall(r"\d+", str(raised.value))[-1])
    assert count_tokens(packed(hits(document(), 5, 2), least)) <= least
    with pytest.raises(UsageError):
        pack(hits(document(), 5, 2), least - 1)


def test_no_hits_are_an_empty_text():
    assert packed([], 1) == ""


def test_the_estimate_is_not_below_a_real_tokenizer():
    model = bundled_model()
    assert model
    assert model.folder
    tokenizer = Tokenizer.from_file(str(model.folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    sources = [
        *Path(__file__).parents[2].rglob("test_*.py"),
        *(path for path in FIXTURES.rglob("*") if path.is_file()),
    ]
    assert len(sources) > 20
    for path in sources:
        text = path.read_text("utf-8")
        real = len(tokenizer.encode(text, add_special_tokens=False).ids)
        assert real <= count_tokens(text) <= 2.5 * real, path


@pytest.mark.parametrize(
    ("text", "least"),
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
def test_the_estimate_of_odd_texts(text, least):
    assert least <= count_tokens(text) <= max(3 * least, 4 * len(text))


# With the engine


@pytest.fixture
async def engine(tmp_path):
    made = Engine(tmp_path / "cache")
    yield made
    await made.close()


async def index(engine, root):
    async for _ in engine.index(str(root), HASHING):
        pass


async def ask(engine, text, *roots, budget=4000, **options):
    for root in roots:
        await index(engine, root)
    answer, sections = await engine.context(
        {str(root): HASHING for root in roots}, query(text, **options), budget
    )
    return answer, markdown(sections)


async def test_the_whole_of_a_long_definition_is_found_by_a_part_of_it(engine, tmp_path):
    (tmp_path / "w").mkdir()
    lines = [f"    sum_{number} = first_{number} + second_{number}\n" for number in range(150)]
    lines[140] = "    quarantine = parcel.customs\n"
    (tmp_path / "w/long.py").write_text(f"import os\n\ndef process(parcel):\n{''.join(lines)}    return 1\n")
    _, text = await ask(engine, "quarantine of a parcel by customs", tmp_path / "w", budget=10_000)
    assert heading(text)[0] == "long.py:3-154"
    _, part = await ask(engine, "quarantine of a parcel by customs", tmp_path / "w", budget=2500)
    assert "def process(parcel):\n…\n" in part
    assert "quarantine = parcel.customs" in part


async def test_no_budget_is_ever_exceeded(engine, workspace):
    shop = workspace("shop")
    _, everything = await ask(engine, "sessions orders pictures", shop, budget=PLENTY)
    largest = count_tokens(everything)
    assert largest > 600
    used = set()
    for budget in [*range(1, largest, 19), 5 * largest]:  # a class comes whole at a quarter of the budget
        try:
            _, sections = await engine.context(
                {str(shop): HASHING}, query("sessions orders pictures"), budget
            )
        except UsageError:
            assert budget < 200
            continue
        used.add(count_tokens(markdown(sections)))
        assert max(used) <= budget
    assert len(used) > 5
    assert largest in used


async def test_every_line_stands_where_the_heading_says(engine, workspace):
    shop = workspace("shop")
    _, text = await ask(engine, "evict expired sessions", shop)
    blocks = re.findall(r"^## `(.+?):([\d, -]+)`\n\n(`{3,})\w*\n(.*?)\n\3$", text, re.MULTILINE | re.DOTALL)
    assert "store/session.rs" in {path for path, *_ in blocks}
    assert len(blocks) == len(set(heading(text)))
    for path, places, _, code in blocks:
        lines = (shop / path).read_text("utf-8").splitlines()
        stretches = [place.split("-") for place in places.split(", ")]
        expected = ["\n".join(lines[int(place[0]) - 1 : int(place[-1])]) for place in stretches]
        assert code.split("\n…\n") == expected


async def test_filters_hold(engine, workspace):
    _, text = await ask(engine, "session of a visitor", workspace("shop"), languages=["rust"])
    assert {place.partition(":")[0] for place in heading(text)} == {"store/session.rs"}


async def test_a_file_that_changed_is_packed_as_it_is_now(engine, workspace):
    shop = workspace("shop")
    await ask(engine, "fit_into", shop)
    path = shop / "worker/thumbnails.py"
    path.write_text("\n\n\n" + path.read_text())
    _, sections = await engine.context({str(shop): HASHING}, query("fit_into"), 4000)
    (section,) = (one for one in sections if one.document.path == "worker/thumbnails.py")
    start = path.read_text().splitlines().index("def fit_into(picture: Size, frame: Size) -> Size:")
    assert start in section.rows
    assert section.document.lines[start].startswith("def fit_into")
    path.unlink()
    _, text = await ask(engine, "fit_into", shop)
    assert "thumbnails.py" not in text


@pytest.mark.parametrize("read_again", [False, True])
async def test_a_file_that_changes_after_the_search_is_left_out(tmp_path, workspace, read_again):
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
    _, before = await ask(engine, "fit_into or evict_expired", shop)
    engine.edited = True
    _, after = await ask(engine, "fit_into or evict_expired", shop)
    await engine.close()
    assert "thumbnails.py" in before
    assert "thumbnails.py" not in after
    assert "session.rs" in after


async def test_folders_are_packed_together(engine, workspace):
    answer, text = await ask(engine, "load_decoder evict_expired", workspace("shop"), workspace("gpt"))
    assert {"store/session.rs", "model/tokenizer.py"} <= {place.partition(":")[0] for place in heading(text)}
    assert answer.model == "hashing"
