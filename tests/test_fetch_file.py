"""A large file is downloaded in as many tries as it takes, and kept only if it is the right one."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from keraslight.download import DownloadError, fetch_file
from tests.weights.loopback import interrupted, loopback, status, whole

DATA = np.random.default_rng(0).bytes(1 << 20)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("KERASLIGHT_OFFLINE", raising=False)
    with loopback() as instance:
        yield instance


def test_a_file_is_downloaded_once(server, tmp_path):
    url = server.serve("/a.tgz", whole(DATA))
    shown = []
    for _ in range(2):
        path = fetch_file(
            url, tmp_path / "new" / "a.tgz", SHA256, len(DATA), lambda size: shown.append
        )
        assert path.read_bytes() == DATA
    assert server.requests == ["/a.tgz"]
    assert shown[-1] == len(DATA)
    assert [p.name for p in path.parent.iterdir()] == ["a.tgz"]


def test_the_next_process_goes_on_where_the_first_was_stopped(server, tmp_path):
    path = tmp_path / "a.tgz"
    (tmp_path / "a.tgz.part").write_bytes(DATA[:1000])
    answer = interrupted(DATA, 0, resumable=True)
    assert fetch_file(server.serve("/a.tgz", answer), path, SHA256, len(DATA)).read_bytes() == DATA
    assert answer.ranges == ["bytes=1000-"]


def test_what_arrived_is_kept_where_the_server_goes_away(server, tmp_path):
    url = server.serve("/a.tgz", interrupted(DATA, 9, resumable=True))
    with pytest.raises(DownloadError, match=r"goes on from there"):
        fetch_file(url, tmp_path / "a.tgz", SHA256, len(DATA))
    held = (tmp_path / "a.tgz.part").stat().st_size
    assert 0 < held < len(DATA)
    url = server.serve("/a.tgz", interrupted(DATA, 0, resumable=True))
    assert fetch_file(url, tmp_path / "a.tgz", SHA256, len(DATA)).read_bytes() == DATA


@pytest.mark.parametrize("part", [b"?" * 1000, b"?" * len(DATA), DATA + b"?"])
def test_a_file_that_is_another_one_is_not_kept(server, tmp_path, part):
    path = tmp_path / "a.tgz"
    path.with_name("a.tgz.part").write_bytes(part)
    url = server.serve("/a.tgz", interrupted(DATA, 0, resumable=True))
    if len(part) <= len(DATA):
        with pytest.raises(DownloadError, match=f"should be {SHA256}"):
            fetch_file(url, path, SHA256, len(DATA))
        assert list(tmp_path.iterdir()) == []
    assert fetch_file(url, path, SHA256, len(DATA)).read_bytes() == DATA


def test_a_file_larger_than_it_should_be_is_refused(server, tmp_path):
    url = server.serve("/a.tgz", whole(DATA))
    with pytest.raises(DownloadError, match="larger than 1000 bytes"):
        fetch_file(url, tmp_path / "a.tgz", SHA256, 1000)


def test_the_message_says_where_to_put_a_file(server, tmp_path):
    url = server.serve("/a.tgz", status(404))
    with pytest.raises(DownloadError, match=r"404 Not Found.*can be put at .*a\.tgz"):
        fetch_file(url, tmp_path / "a.tgz", SHA256, len(DATA))


def test_nothing_is_downloaded_offline(server, tmp_path, monkeypatch):
    monkeypatch.setenv("KERASLIGHT_OFFLINE", "true")
    with pytest.raises(DownloadError, match="KERASLIGHT_OFFLINE is set"):
        fetch_file(server.serve("/a.tgz", whole(DATA)), tmp_path / "a.tgz", SHA256, len(DATA))
    assert server.requests == []


def test_downloading_does_not_import_keras():
    code = "import sys; import keraslight.download; sys.exit('keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
