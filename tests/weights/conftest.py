import pytest

from tests.weights.loopback import loopback


@pytest.fixture
def server():
    with loopback() as instance:
        yield instance


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of downloaded weights, empty and not yet made; no proxy, and online."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("KERASLIGHT_OFFLINE", raising=False)
    return tmp_path / "home" / "keraslight"
