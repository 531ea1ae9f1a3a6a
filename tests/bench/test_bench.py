import json
import os
import re
import subprocess
import sys

import pytest

from tests.bench.quality import first_rank, interval, ndcg
from tests.conftest import FIXTURES, HANG
from tests.support.entries import make_entry

REPOSITORIES = [{"name": "shop", "language": "python", "url": "", "revision": ""}]
QUERIES = [
    {"query": "evict_expired", "category": "symbol", "relevant": ["store/session.rs"], "secondary": []},
    {"query": "where is a pig", "category": "semantic", "relevant": ["no/such/file.py"], "secondary": []},
]


@pytest.fixture
def benchmark(tmp_path):
    (tmp_path / "annotations").mkdir()
    (tmp_path / "repos.json").write_text(json.dumps(REPOSITORIES))
    (tmp_path / "annotations/shop.json").write_text(json.dumps(QUERIES))
    return tmp_path


def run(benchmark, *options):
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.bench.quality",
            benchmark,
            FIXTURES,
            "--cache",
            benchmark / "cache",
            *options,
        ],
        env={**os.environ, "HF_HUB_CACHE": str(benchmark / "hub"), "HF_ENDPOINT": "http://127.0.0.1:9"},
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
    assert interval([("a", 0.5), ("a", 0.5), ("b", 0.1)]) == pytest.approx((0.3, 0.3))
    low, high = interval([("a", change) for change in (-1.0, 1.0, 0.0, 1.0, -1.0)] * 20)
    assert -0.3 < low < 0.0 < high < 0.3


def test_quality_bench_saves_and_compares_results(benchmark):
    saved = benchmark / "saved.json"
    code, output = run(benchmark, "--model", "hashing", "--save", str(saved))
    assert code == 0, output
    queries = json.loads(saved.read_text())["queries"]
    assert [row["ndcg"]["lexical"] for row in queries] == [1.0, 0.0]
    assert [row["first"]["lexical"] for row in queries] == [1, 0]
    assert re.search(r"lexical *│ *0.5000 *│ *0.5000 *│ *0.5000 *│ *0.5000", output)
    assert all(row["ndcg"]["semantic"] is not None for row in queries)
    text = saved.read_text().replace('"lexical": 1.0', '"lexical": 0.25')
    saved.write_text(text)
    code, output = run(benchmark, "--lexical", "--against", str(saved))
    assert code == 0, output
    assert "1 gains, 0 losses, 95 % interval +0.0000 to +0.7500" in output
    assert "+0.750  shop: evict_expired" in output


def test_quality_bench_with_unknown_model_or_repository_prints_a_sentence(benchmark):
    code, output = run(benchmark, "--model", "no/such-model", "--only", "shop")
    assert code == 1
    assert "Traceback" not in output
    code, output = run(benchmark, "--only", "nothing")
    assert code != 0
    assert "Traceback" not in output
