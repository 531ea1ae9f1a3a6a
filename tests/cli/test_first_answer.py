"""Tests that `search`, `similar` and `context` answer before all code is embedded by the installed model."""

import os
import re
import subprocess
import sys

import pytest

from tests.conftest import HANG, Terminal
from tests.support.models import installed_folder
from tests.support.waiting import wait_until

FUNCTIONS = 3000  # that take many seconds to embed


@pytest.fixture
def terminal(tmp_path):
    started = Terminal(tmp_path / "semls", str(installed_folder()))
    yield started
    started.stop()


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "large"
    folder.mkdir()
    for number in range(0, FUNCTIONS, 100):
        functions = "".join(
            f"def weigh_parcel_{each}(scale):\n    return scale.weigh({each})\n\n\n"
            for each in range(number, number + 100)
        )
        (folder / f"parcels_{number}.py").write_text(functions)
    return folder


def test_search_after_a_change_of_the_model_shows_the_progress_of_the_new_one(terminal, folder):
    terminal.json("index", folder, SEMLS_MODEL="hashing")
    shown = list[str]()
    while not shown:
        done = terminal.run("search", "weigh_parcel_123", cwd=folder)
        shown = re.findall(r"Semantic index (\d+) %", done.stderr)
    terminal.run("pause")
    assert int(shown[0]) < 100
    status = terminal.json("status", folder)
    assert (status["phase"], status["model"]) == ("paused", "hashing")
    assert status["notice"] == f"Until {installed_folder()} has embedded all code, hashing answers."
    assert status["embedded"] < status["chunks"] == FUNCTIONS
    answer = terminal.json("search", "weigh_parcel_123", "--no-wait", cwd=folder)
    assert (answer["model"], answer["coverage"]["embedded"]) == ("hashing", FUNCTIONS)


def test_first_search_answers_before_embedding_and_the_engine_goes_on(terminal, folder):
    done = terminal.run("search", "weigh_parcel_123", cwd=folder)
    assert done.stdout.startswith("  1  parcels_100.py:93  weigh_parcel_123 — ")
    assert "model is still being loaded" in done.stderr or "Semantic index" in done.stderr
    assert done.stderr.endswith("; `--wait` waits.\n")
    answer = terminal.json("search", "weigh_parcel_123", "--no-wait", cwd=folder)
    assert answer["coverage"]["embedded"] < answer["coverage"]["chunks"] == FUNCTIONS
    assert terminal.run("similar", "parcels_100.py:93", cwd=folder).returncode == 0
    assert "weigh_parcel_123" in terminal.run("context", "weigh_parcel_123", cwd=folder).stdout
    before = terminal.json("status", folder)["embedded"]
    assert before < FUNCTIONS
    wait_until(lambda: terminal.json("status", folder)["embedded"] > before)


@pytest.mark.serial
@pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals in Python")
def test_first_search_of_a_person_reads_files_with_the_words_first(own_terminal, tmp_path):
    folder = tmp_path / "huge"
    folder.mkdir()
    for number in range(1500):  # small files, so that searching them for words takes a moment,
        functions = (  # with many functions, so that reading them takes many seconds
            f"def ship_{number}_{each}(box):\n    return box.send({each})\n\n\n" for each in range(80)
        )
        (folder / f"m{number:04}.py").write_text("".join(functions))
    (folder / "z.py").write_text("def weigh(parcel, scale):\n    return scale.read(parcel)\n")
    done = run_in_pseudo_terminal(own_terminal, "search", "weigh a parcel", "-k", "1", cwd=folder)
    assert "Not all files are read yet" in done
    assert "z.py" in done
    assert "  1  1: weigh" in done


def run_in_pseudo_terminal(terminal, *arguments, cwd):
    """Run a command as a person does, and return what it has printed."""
    import pty  # Windows has no such module

    controller, screen = pty.openpty()
    command = subprocess.Popen(
        [sys.executable, "-m", "semls", *arguments],
        cwd=cwd,
        env={**terminal.environment, "TERM": "xterm", "NO_COLOR": "1"},
        stdin=screen,
        stdout=screen,
        stderr=screen,
    )
    os.close(screen)
    printed = b""
    try:
        while part := os.read(controller, 4096):
            printed += part
    except OSError:  # Linux reports the end as an error
        pass
    os.close(controller)
    command.wait(HANG)
    return printed.decode()


def test_search_with_wait_covers_all_code(terminal, tmp_path):
    (tmp_path / "w").mkdir()
    (tmp_path / "w/parcel.py").write_text("def weigh(scale):\n    return scale.read()\n")
    answer = terminal.json("search", "how heavy is it", "--wait", cwd=tmp_path / "w")
    assert answer["coverage"] == {"chunks": 1, "embedded": 1}
    assert answer["model"]
    done = terminal.run("search", "how heavy is it", "--wait", cwd=tmp_path / "w")
    assert done.returncode == 0
    assert "`--wait`" not in done.stderr
