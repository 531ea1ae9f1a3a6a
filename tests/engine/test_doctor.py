"""What is examined, where it is not well."""

import sys
from pathlib import Path

import pytest

from semls.engine import doctor
from tests.support.namespace import USER_LIMITS, in_user_namespace


def examine(cache_directory):
    checks = doctor.checks(cache_directory, None)
    return [finding for check in checks.values() for finding in check()]


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is a part of Linux")
@in_user_namespace
def test_examine_with_a_watch_limit_of_zero_names_the_setting(tmp_path):
    for resource in ("instances", "watches"):
        (USER_LIMITS / f"max_inotify_{resource}").write_text("0")
        found = examine(tmp_path)
        (USER_LIMITS / f"max_inotify_{resource}").write_text("100000")
        (watching,) = (one for one in found if one.name == "file watching")
        assert not watching.well
        assert f"the limit of inotify {resource}" in watching.detail
        (limit,) = (one for one in found if one.name == "watch limit" and not one.well)
        assert f"of 0 inotify {resource} used" in limit.detail
        assert f"sudo sysctl user.max_inotify_{resource}=" in limit.advice


def limits(directory, watches, instances):
    """A /proc with these limits, in which nothing runs."""
    (directory / "sys/fs/inotify").mkdir(parents=True)
    (directory / "sys/fs/inotify/max_user_watches").write_text(f"{watches}\n")
    (directory / "sys/fs/inotify/max_user_instances").write_text(f"{instances}\n")
    return directory


@pytest.mark.parametrize(
    ("watches", "instances", "advice"),
    [
        (65_536, 128, ["", ""]),
        (8192, 128, ["Run `sudo sysctl fs.inotify.max_user_watches=40000`.", ""]),
        (65_536, 8, ["", "Run `sudo sysctl fs.inotify.max_user_instances=32`."]),
    ],
)
def test_a_watch_limit_is_compared_with_the_need(tmp_path, monkeypatch, watches, instances, advice):
    monkeypatch.setattr(doctor, "_PROC", limits(tmp_path, watches, instances))
    found = [one for one in examine(tmp_path) if one.name == "watch limit"]
    assert [one.advice for one in found] == advice
    assert [one.well for one in found] == [not one.advice for one in found]
    assert found[0].detail == f"0 of {watches:,} inotify watches used"


def test_where_nothing_limits_watching_nothing_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_PROC", tmp_path / "nowhere")
    assert "watch limit" not in {one.name for one in examine(tmp_path)}


@pytest.mark.skipif(sys.platform != "linux", reason="needs a directory in which even root cannot write")
def test_a_cache_directory_that_takes_no_vectors_is_told_with_advice():
    found = {one.name: one for one in examine(Path("/proc"))}
    assert not found["vectors"].well
    assert found["vectors"].advice.startswith("Make /proc writable")
    assert found["full-text index"].well
