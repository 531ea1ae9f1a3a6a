import pytest

from semls.engine.models.encoder import HashingEncoder
from semls.engine.models.registry import load_encoder
from tests.support.models import installed_model


@pytest.fixture(scope="session")
def encoder():
    return load_encoder(installed_model())


@pytest.fixture(params=["hashing", "bundled"])
def any_encoder(request):
    return HashingEncoder() if request.param == "hashing" else request.getfixturevalue("encoder")
