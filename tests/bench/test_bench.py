import json
import os
import re
import shutil
import subprocess
import sys
from xml.etree import ElementTree

import pytest

from tests.bench.metrics import first_rank, half_of, interval, mean_score, ndcg
from tests.bench.plot import draw_lines
from tests.conftest import FIXTURES, HANG
from tests.support.entries import make_entry

REPOSITORIES = [{"name": "shop", "language": "python", "url": "", "revision": ""}]
QUERIES = [
    {"query": "evict_expired", "category": "symbol", "relevant": ["store/session.rs"], "secondary": []},
    {"query": "where is a pig", "category": "semantic", "relevant": ["no/such/file.py"], "secondary": []},
]


@pytest.fixture
def benchmark(tmp_path):
    return make_benchmark(tmp_path / "questions")


def make_benchmark(folder):
    (folder / "annotations").mkdir(parents=True)
    (folder / "repos.json").write_text(json.dumps(REPOSITORIES))
    (folder / "annotations/shop.json").write_text(json.dumps(QUERIES))
    shutil.copytree(FIXTURES / "shop", folder / "checkouts/shop")
    return folder


def run(*arguments):
    folder = arguments[0].parent
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.quality", *arguments, "--cache", folder / "cache"],
        env={**os.environ, "HF_HUB_CACHE": str(folder / "hub"), "HF_ENDPOINT": "http://127.0.0.1:9"},
        cwd=FIXTURES.parents[1],
        capture_output=True,
        text=True,
        timeout=HANG,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def entry(path, first, last):
    return make_entry(path, "", start_row=first - 1, end_row=last - 1)


@pytest.mark.parametrize(
    ("relevant", "expected"),
    [
        (["a.py"], 1.0),
        (["root/a.py"], 1.0),
        (["b.py"], 0.6309),
        ([{"path": "a.py", "start_line": 3, "end_line": 4}], 1.0),
        ([{"path": "a.py", "start_line": 6, "end_line": 9}], 0.5),
        (["a.py", "c.py"], 0.6131),
        (["c.py"], 0.0),
    ],
)
def test_ndcg_returns_known_values(relevant, expected):
    hits = [entry("a.py", 1, 5), entry("b.py", 1, 5), entry("a.py", 7, 8)]
    assert ndcg(hits, {"relevant": relevant}) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("relevant", "expected"), [(["b.py", "c.py"], 2), (["a.py", "b.py"], 1), (["c.py"], 0)]
)
def test_first_rank_returns_rank_of_first_hit_in_any_target(relevant, expected):
    hits = [entry("a.py", 1, 5), entry("b.py", 1, 5), entry("a.py", 7, 8)]
    assert first_rank(hits, {"relevant": relevant}) == expected


def test_interval_contains_mean_and_is_narrow_for_equal_differences():
    assert interval([("x", "a", 0.5), ("x", "a", 0.5), ("x", "b", 0.1)]) == pytest.approx((0.3, 0.3))
    low, high = interval([("x", "a", change) for change in (-1.0, 1.0, 0.0, 1.0, -1.0)] * 20)
    assert -0.3 < low < 0.0 < high < 0.3


def test_mean_and_interval_give_benchmarks_equal_weight():
    scores = [("x", "a", 0.0), ("x", "b", 0.0), ("x", "b", 1.0), ("y", "a", 1.0)]
    assert mean_score(scores) == pytest.approx((0.25 + 1.0) / 2)
    assert mean_score([]) is None
    equal = [("x", "a", 0.5), ("x", "b", 0.1), ("y", "a", 0.7)]
    assert interval(equal) == pytest.approx((0.5, 0.5))


def test_half_of_repository_is_the_same_on_each_machine():
    assert [half_of(name) for name in ("rack", "zod")] == ["tuning", "confirming"]


def test_quality_bench_saves_and_compares_results(benchmark):
    saved = benchmark.parent / "saved.json"
    code, output = run(benchmark, "--model", "hashing", "--save", saved)
    assert code == 0, output
    queries = json.loads(saved.read_text())["queries"]
    assert [row["ndcg"]["lexical"] for row in queries] == [1.0, 0.0]
    assert [row["first"]["lexical"] for row in queries] == [1, 0]
    assert re.search(r"questions *│ *lexical *│ *2( *│ *0.5000){4}", output)
    assert "mean of benchmarks" not in output
    assert all(row["ndcg"]["semantic"] is not None for row in queries)
    text = saved.read_text().replace('"lexical": 1.0', '"lexical": 0.25')
    saved.write_text(text)
    code, output = run(benchmark, "--lexical", "--against", saved)
    assert code == 0, output
    assert "+0.750  questions/shop: evict_expired" in output
    row = next(line for line in output.splitlines() if "to +0.7500" in line)
    cells = [cell.strip() for cell in row.strip("│ ").split("│")]
    assert cells[:3] == ["questions", "lexical", "0.1250"]
    assert cells[3:8] == ["0.5000", "+0.3750", "+0.0000 to +0.7500", "1", "0"]


def test_quality_bench_with_two_benchmarks_keeps_them_apart(benchmark):
    other = make_benchmark(benchmark.parent / "other")
    (other / "annotations/shop.json").write_text(json.dumps(QUERIES[:1]))
    saved = benchmark.parent / "saved.json"
    code, output = run(benchmark, other, "--lexical", "--save", saved)
    assert code == 0, output
    queries = json.loads(saved.read_text())["queries"]
    assert [row["benchmark"] for row in queries] == ["questions", "questions", "other"]
    assert re.search(r"mean of benchmarks *│ *lexical *│ *3 *│ *0.7500", output)
    assert sorted(
        path.name for path in (benchmark.parent / "cache").iterdir() if path.name != "embeddings"
    ) == [
        "other",
        "questions",
    ]
    code, output = run(benchmark, other, "--lexical", "--half", queries[0]["half"], "--save", saved)
    assert code == 0, output
    halves = {row["half"] for row in json.loads(saved.read_text())["queries"]}
    assert halves == {queries[0]["half"]}


def test_quality_bench_with_unknown_model_or_repository_prints_a_sentence(benchmark):
    code, output = run(benchmark, "--model", "no/such-model", "--only", "shop")
    assert code == 1
    assert "Traceback" not in output
    code, output = run(benchmark, "--only", "nothing")
    assert code != 0
    assert "Traceback" not in output


def test_quality_bench_with_benchmarks_of_equal_name_prints_a_sentence(benchmark):
    code, output = run(benchmark, make_benchmark(benchmark.parent / "copy/questions"))
    assert code == 1
    assert output.startswith("Two benchmarks have the same name.")


def test_plot_names_each_line_at_its_end_without_overlaps():
    lines = {"one": [0.1, 0.5], "two & three": [0.2, 0.51]}
    image = ElementTree.fromstring(draw_lines("Quality", " %", [0, 100], lines, {"one": [0.0, 0.4]}))
    texts = {each.text: float(each.attrib["y"]) for each in image.findall("{*}text")}
    assert {"Quality", "0 %", "100 %", "0.6"} <= texts.keys()
    assert texts["one"] - texts["two & three"] >= 15
    drawn = image.findall("{*}polyline")
    assert {each.attrib["points"].split()[-1].split(",")[0] for each in drawn} == {"530.0"}
    assert [each.attrib["stroke"] for each in drawn if "stroke-dasharray" in each.attrib] == ["#d9730d"]
