"""Checks the dependencies in pyproject.toml."""

from pathlib import Path

import pytest
from packaging.requirements import Requirement

tomllib = pytest.importorskip("tomllib")  # of Python 3.11


def requirements():
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    lists = [project["build-system"]["requires"], project["project"]["dependencies"], *extras]
    return [Requirement(line) for requirements in lists for line in requirements]


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_requirement_has_an_upper_bound(requirement):
    assert {specifier.operator for specifier in requirement.specifier} & {"<", "=="}
