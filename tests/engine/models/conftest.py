import pytest

from semls.engine.models.encoder import HashingEncoder
from semls.engine.models.presets import FALLBACK
from semls.engine.models.registry import load_encoder


@pytest.fixture(scope="session")
def encoder():
    return load_encoder(FALLBACK)


@pytest.fixture(params=["hashing", "installed"])
def any_encoder(request):
    return HashingEncoder() if request.param == "hashing" else request.getfixturevalue("encoder")
