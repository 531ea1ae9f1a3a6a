import pytest

from semls.engine.models.encoder import HashingEncoder
from semls.engine.models.presets import FALLBACK, resolve
from semls.engine.models.registry import load_encoder
from tests.support.models import save_static_model


@pytest.fixture(scope="session")
def encoder():
    return load_encoder(FALLBACK)


@pytest.fixture
def static_encoder(tmp_path):
    save_static_model(tmp_path / "static")
    return load_encoder(resolve(str(tmp_path / "static")))


@pytest.fixture(params=["hashing", "installed", "static"])
def any_encoder(request):
    if request.param == "hashing":
        return HashingEncoder()
    return request.getfixturevalue("encoder" if request.param == "installed" else "static_encoder")
