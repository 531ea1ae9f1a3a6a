"""Tests of `semls duplicates`."""

import pytest

TOTAL = """
def total_of_the_{name}(items, discount):
    # {comment}
    total = 0
    for item in items:
        if item.price > 0 and item.quantity > 0:
            total += item.price * item.quantity
    return max(0, total - discount)
"""
SEND = """
def send_the_report(reports, printer):
    for report in sorted(reports, key=lambda each: each.date):
        with printer.connected() as connection:
            connection.write(report.title)
            connection.write(report.text)
    return len(reports)
"""
ACCESSOR = """
def price(self):
    return self._price
"""


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "work"
    files = {
        "cart.py": TOTAL.format(name="cart", comment="goods") + ACCESSOR,
        "order.py": TOTAL.format(name="order", comment="goods") + ACCESSOR,
        "report.py": SEND,
        "again.py": SEND.replace("    ", "  ") + ACCESSOR,
        "tests/test_report.py": SEND,
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def clusters(message):
    return [
        (cluster["copies"], sorted(f"{hit['path']}:{hit['name']}" for hit in cluster["hits"]))
        for cluster in message["clusters"]
    ]


COPIES = (
    True,
    ["again.py:send_the_report", "report.py:send_the_report", "tests/test_report.py:send_the_report"],
)
NEAR = (False, ["cart.py:total_of_the_cart", "order.py:total_of_the_order"])


def test_duplicates_lists_copies_before_near_copies_and_no_accessors(terminal, folder):
    message = terminal.json("duplicates", folder, "--wait")
    assert clusters(message) == [COPIES, NEAR]
    assert message["compared"] == message["functions"] == 5
    assert message["model"] == "hashing"
    (first, second) = message["clusters"][1]["hits"]
    assert first["score"] == 1.0
    assert 0.85 <= second["score"] < 1


def test_duplicates_without_vectors_lists_copies_and_says_so(terminal, folder):
    message = terminal.json("duplicates", folder, "--lexical")
    assert clusters(message) == [COPIES]
    assert (message["model"], message["compared"]) == ("", 0)
    done = terminal.run("duplicates", folder, "--lexical", cwd=folder)
    assert done.stdout.splitlines()[0] == "3 copies, 12 repeated lines"
    assert "     report.py:2  send_the_report" in done.stdout.splitlines()
    assert "Copies only: there are no embeddings to find near copies with." in done.stderr


def test_duplicates_prints_shared_words_and_how_many_clusters_are_left_out(terminal, folder):
    printed = terminal.run("duplicates", folder, "--wait", cwd=folder).stdout
    assert "2 near copies, 7 repeated lines" in printed
    assert "% of the words" in printed
    assert "1 more: `-k 2` prints all." in terminal.run("duplicates", folder, "-k", 1).stderr


def test_duplicates_without_tests_and_after_a_change(terminal, folder):
    found = clusters(terminal.json("duplicates", folder, "--wait", "--no-tests"))
    assert found[0] == (True, ["again.py:send_the_report", "report.py:send_the_report"])
    (folder / "again.py").unlink()
    assert clusters(terminal.json("duplicates", folder, "--wait", "--no-tests")) == [NEAR]
    (folder / "cart.py").unlink()
    done = terminal.run("duplicates", folder, "--no-tests")
    assert (done.returncode, done.stdout.strip()) == (1, "No duplicates.")
