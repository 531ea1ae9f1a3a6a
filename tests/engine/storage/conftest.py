import pytest

from semls.engine.storage.catalog import Catalog


@pytest.fixture
def catalog(tmp_path):
    opened = Catalog(tmp_path / "index.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def names(catalog):
    """Return the names of chunks by their ids, in the order of the ids."""

    def look_up(ids):
        found = catalog.entries(ids)
        return [found[chunk].name for chunk in ids]

    return look_up
