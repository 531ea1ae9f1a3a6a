"""The checks of the doctor, where they fail."""

import sys
from pathlib import Path

import pytest

from semls.engine import doctor
from semls.engine.engine import Engine
from semls.engine.models import presets, registry
from semls.engine.models.encoder import HashingEncoder
from semls.settings import DEFAULT_MODEL, Settings
from tests.support.namespace import USER_LIMITS, in_user_namespace


def run_checks(cache_directory):
    checks = doctor.checks(cache_directory, None)
    return [finding for check in checks.values() for finding in check()]


@pytest.mark.skipif(sys.platform != "linux", reason="inotify is a part of Linux")
@in_user_namespace
def test_checks_with_a_watch_limit_of_zero_name_the_setting(tmp_path):
    for resource in ("instances", "watches"):
        (USER_LIMITS / f"max_inotify_{resource}").write_text("0")
        findings = run_checks(tmp_path)
        (USER_LIMITS / f"max_inotify_{resource}").write_text("100000")
        (watching,) = (finding for finding in findings if finding.name == "file watching")
        assert not watching.well
        assert f"the limit of inotify {resource}" in watching.detail
        (limit,) = (finding for finding in findings if finding.name == "watch limit" and not finding.well)
        assert f"of 0 inotify {resource} used" in limit.detail
        assert f"sudo sysctl user.max_inotify_{resource}=" in limit.advice


def make_proc(directory, watches, instances):
    """Write a /proc with these limits, without any process."""
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
def test_watch_limit_check_below_the_need_advises_a_higher_limit(
    tmp_path, monkeypatch, watches, instances, advice
):
    monkeypatch.setattr(doctor, "_PROC", make_proc(tmp_path, watches, instances))
    findings = [finding for finding in run_checks(tmp_path) if finding.name == "watch limit"]
    assert [finding.advice for finding in findings] == advice
    assert [finding.well for finding in findings] == [not finding.advice for finding in findings]
    assert findings[0].detail == f"0 of {watches:,} inotify watches used"


def test_checks_without_watch_limits_report_none(tmp_path, monkeypatch):
    monkeypatch.setattr(doctor, "_PROC", tmp_path / "nowhere")
    assert "watch limit" not in {finding.name for finding in run_checks(tmp_path)}


@pytest.mark.skipif(sys.platform != "linux", reason="needs a directory in which even root cannot write")
def test_vectors_check_with_unwritable_cache_directory_gives_advice():
    findings = {finding.name: finding for finding in run_checks(Path("/proc"))}
    assert not findings["vectors"].well
    assert findings["vectors"].advice.startswith("Make /proc writable")
    assert findings["full-text index"].well


@pytest.mark.parametrize(
    ("name", "is_advised"),
    [(DEFAULT_MODEL, True), (presets.FALLBACK.name, True), (presets.CODE.name, False), ("hashing", False)],
)
async def test_model_check_recommends_the_model_for_code(tmp_path, monkeypatch, name, is_advised):
    def load(model, *_):
        encoder = HashingEncoder()
        encoder.model = model
        return encoder

    monkeypatch.setattr(registry, "load_encoder", load)
    engine = Engine(tmp_path)
    is_pending = True
    while is_pending:
        found = {finding.name: finding for finding in await engine.examine(Settings(model=name))}
        is_pending = found["model"].pending
    await engine.close()
    assert found["model"].well
    facts = presets.FACTS.get(presets.resolve(name))
    assert found["model"].detail == (f"{name}. {facts}" if facts else name)
    assert (presets.CODE.name in found["model"].advice) == is_advised
