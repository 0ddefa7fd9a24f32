"""What is fetched is whole and verified, or nothing of it is left."""

import contextlib
import hashlib
import os
import pathlib
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest

from keraslight import download
from keraslight.download import DownloadError
from keraslight.weights import cache as cache_module
from keraslight.weights.cache import first_usable, url_source
from keraslight.weights.registry import Source
from tests.helpers import no_file_larger_than
from tests.weights import write_files
from tests.weights.loopback import interrupted, redirect, slowly, status, truncated, whole

DATA = np.random.default_rng(0).bytes(1 << 20)
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture(autouse=True)
def fresh_session():
    """No model is built here."""


def fetch(*sources):
    """Fetches the first usable source as `weights=` does; returns what was in the file."""
    seen = []
    first_usable(sources, lambda path: seen.append(pathlib.Path(path).read_bytes()))
    return seen[-1]


def files(folder):
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def source(url, digits=SHA256, **kwargs):
    return Source(url, hash=digits and f"sha256:{digits}", **kwargs)


def test_a_file_is_fetched_once_and_verified(server, cache, capsys):
    file = source(server.serve("/w.npz", whole(DATA)))
    assert fetch(file) == DATA
    assert files(cache) == ["w.npz"]
    output = capsys.readouterr().out
    assert "1048576/1048576" in output
    assert f"w.npz: verified, SHA-256 {SHA256}." in output
    assert fetch(file) == DATA
    assert server.requests == ["/w.npz"]


def test_a_prefix_is_verified_in_the_length_published(server, cache, capsys):
    url = server.serve("/w.npz", whole(DATA))
    fetch(source(url, SHA256[:8]))
    assert f"verified, SHA-256 {SHA256[:8]}..., the 8 digits published." in capsys.readouterr().out


def test_without_a_hash_it_says_so(server, cache, capsys):
    fetch(source(server.serve("/w.npz", whole(DATA)), None))
    assert (
        f"not verified, no hash was published; the file's SHA-256 is {SHA256}."
        in capsys.readouterr().out
    )


def test_a_hash_that_the_hub_states_is_verified(server, cache, capsys):
    target = server.serve("/blob", whole(DATA))
    good = server.serve("/good.npz", redirect(target, X_Linked_ETag=f'"{SHA256}"'))
    bad = server.serve("/bad.npz", redirect(target, X_Linked_ETag=f'"{"0" * 64}"'))
    assert fetch(source(good, None)) == DATA
    assert "the SHA-256 that its server states" in capsys.readouterr().out
    with pytest.raises(DownloadError, match=f"its sha256 is {SHA256} and should be 000"):
        fetch(source(bad, None))
    assert sorted(files(cache)) == ["good.npz", "good.npz.sha256"]


def test_the_published_hash_outranks_the_stated_one(server, cache):
    target = server.serve("/blob", whole(DATA))
    url = server.serve("/w.npz", redirect(target, X_Linked_ETag=f'"{SHA256}"'))
    with pytest.raises(DownloadError, match="should be 1234"):
        fetch(source(url, "12345678"))


def test_sha1_of_what_is_in_a_zip(server, cache):
    data = write_files.zipped({"w.pth": DATA})
    url = server.serve("/w.pth.zip", whole(data))
    assert fetch(Source(url, hash=f"sha1:{hashlib.sha1(DATA).hexdigest()}")) == data
    with pytest.raises(DownloadError, match="its sha1 is"):
        fetch(Source(url, hash="sha1:" + "0" * 40, file="other.pth.zip"))
    url = server.serve("/bad.pth.zip", whole(DATA))
    with pytest.raises(DownloadError, match="no zip archive of one file"):
        fetch(Source(url, hash="sha1:" + "0" * 40))
    assert files(cache) == ["w.pth.zip"]


REFUSED = {
    "wrong hash": (whole(DATA[::-1]), "its sha256 is .* and should be"),
    "truncated": (truncated(DATA), "the connection broke 3 times"),
    "cut": (interrupted(DATA, 9, resumable=False), "the connection broke 3 times"),
    "cut, resumable": (interrupted(DATA, 9, resumable=True), "the connection broke 3 times"),
    "404": (status(404), "the server answered 404 Not Found"),
    "500": (status(500), "the server answered 500 Internal Server Error"),
    "web page": (whole(b"<html>Log in</html>", "text/html; charset=utf-8"), "sent a web page"),
    "redirected to itself": (redirect("/w.npz"), "the server answered 302"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_nothing_left(case, server, cache):
    answer, reason = REFUSED[case]
    file = source(server.serve("/w.npz", answer))
    with pytest.raises(DownloadError, match=reason) as error:
        fetch(file)
    assert files(cache) == []
    for part in (f"{file.url}: ", "w.npz", SHA256, "pass its path as `weights`", str(cache)):
        assert part in str(error.value)


def test_no_server(server, cache):
    with pytest.raises(DownloadError, match=r"gave no answer: .*refused"):
        fetch(source("http://127.0.0.1:1/w.npz"))


def test_a_server_that_never_answers(server, cache, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.1)
    with server.server.socket.dup():  # the kernel accepts, nobody reads
        server.server.shutdown()
        with pytest.raises(DownloadError, match=r"gave no answer: .*timed out"):
            fetch(source(f"{server.url}/w.npz"))


def test_a_file_that_never_ends(server, cache, monkeypatch):
    monkeypatch.setattr(cache_module, "MAX_BYTES", len(DATA) - 1)
    with pytest.raises(DownloadError, match="larger than 1048575 bytes"):
        fetch(source(server.serve("/w.npz", whole(DATA))))
    assert files(cache) == []


def test_a_broken_connection_is_taken_up_where_it_broke(server, cache):
    answer = interrupted(DATA, 2, resumable=True)
    assert fetch(source(server.serve("/w.npz", answer))) == DATA
    assert answer.ranges == [None, "bytes=524288-", "bytes=786432-"]


def test_a_broken_connection_is_started_again_where_it_cannot_be_taken_up(server, cache):
    answer = interrupted(DATA, 2, resumable=False)
    assert fetch(source(server.serve("/w.npz", answer))) == DATA
    assert files(cache) == ["w.npz"]


def test_a_file_that_cannot_be_used_is_not_kept(server, cache):
    def refuse(path):
        assert path.read_bytes() == DATA
        raise ValueError("does not fit")

    with pytest.raises(ValueError, match="does not fit"):
        first_usable([source(server.serve("/w.npz", whole(DATA)))], refuse)
    assert files(cache) == []


def test_the_next_source_is_tried(server, cache, capsys):
    bad, good = server.serve("/a.npz", status(404)), server.serve("/b.npz", whole(DATA))
    assert fetch(source(bad), source(good)) == DATA
    assert "a.npz: the server answered 404 Not Found. The next source" in capsys.readouterr().out
    with pytest.raises(DownloadError, match=r"(?s)a\.npz: .*c\.npz: .*file a\.npz .* or c\.npz "):
        fetch(source(bad), source(f"{server.url}/c.npz"))


def test_a_damaged_file_in_the_cache_is_fetched_again(server, cache, capsys):
    file = source(server.serve("/w.npz", whole(DATA)))
    cache.mkdir(parents=True)
    (cache / "w.npz").write_bytes(DATA[:-1])
    assert fetch(file) == DATA
    assert "it is downloaded again" in capsys.readouterr().out
    assert (cache / "w.npz").read_bytes() == DATA


@pytest.fixture
def unhashed(server, cache):
    """A file for which no hash was published, in the cache."""
    file = source(server.serve("/w.npz", whole(DATA)), None)
    assert fetch(file) == DATA
    return file


def test_a_file_without_a_published_hash_is_verified_later(unhashed, cache, capsys):
    assert (cache / "w.npz.sha256").read_text().strip() == SHA256
    (cache / "w.npz").write_bytes(DATA[:-1] + b"?")
    assert fetch(unhashed) == DATA
    assert f"should be {SHA256}; it is downloaded again" in capsys.readouterr().out
    assert (cache / "w.npz").read_bytes() == DATA


def test_a_server_that_sends_another_file_later(unhashed, server, cache):
    (cache / "w.npz").unlink()
    server.serve("/w.npz", whole(DATA[::-1]))
    with pytest.raises(DownloadError, match=r"as in the first download.*remove .*w\.npz\.sha256"):
        fetch(unhashed)
    (cache / "w.npz.sha256").unlink()
    assert fetch(unhashed) == DATA[::-1]


def test_the_record_of_a_file_that_the_user_put_there(server, cache):
    file = source(server.serve("/w.npz", status(404)), None)
    cache.mkdir(parents=True)
    (cache / "w.npz").write_bytes(DATA)
    assert fetch(file) == DATA
    (cache / "w.npz").write_bytes(DATA[::-1])
    with pytest.raises(DownloadError, match="404"):
        fetch(file)


def test_the_record_of_a_zip_is_of_the_zip(server, cache):
    data = write_files.zipped({"w.pth": DATA})
    file = source(server.serve("/w.pth.zip", whole(data)), None)
    assert fetch(file) == fetch(file) == data
    assert len(server.requests) == 1


def test_unfinished_files_of_killed_processes_are_removed(server, cache):
    cache.mkdir(parents=True)
    killed, alive, other = (cache / name for name in (".unfinished-a.npz", ".unfinished-b", "c"))
    for path in (killed, alive, other):
        path.write_bytes(DATA)
    for path in (killed, other):
        os.utime(path, (0, 0))
    fetch(source(server.serve("/w.npz", whole(DATA))))
    assert sorted(files(cache)) == [".unfinished-b", "c", "w.npz"]


@pytest.mark.slow
def test_a_killed_download_leaves_what_the_next_removes(server, cache, monkeypatch):
    arrived = threading.Event()
    url = server.serve("/w.npz", slowly(DATA, chunk=1000, arrived=arrived))
    child = subprocess.Popen(
        [sys.executable, "-c", FETCH_OFTEN, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "numpy"},
    )
    child.stdin.write("go\n")
    child.stdin.flush()
    assert arrived.wait(60)
    child.kill()
    child.communicate()
    assert len(files(cache)) == 1
    monkeypatch.setattr(cache_module, "STALE", -1)
    server.serve("/w.npz", whole(DATA))
    fetch(source(url))
    assert files(cache) == ["w.npz"]


@pytest.mark.parametrize("length", ["abc", "-1", "1" * 30])
def test_a_length_that_is_no_number(length, server, cache):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", length)
        handler.end_headers()

    with pytest.raises(DownloadError, match=f"states the length '{length}'"):
        fetch(source(server.serve("/w.npz", answer)))
    assert files(cache) == []


@pytest.mark.parametrize("part", ["file", "headers"])
def test_a_server_that_sends_a_byte_from_time_to_time(part, server, cache, monkeypatch):
    monkeypatch.setattr(download, "GRACE", 0.3)
    url = server.serve("/w.npz", slowly(DATA, chunk=1, headers=part == "headers"))
    with pytest.raises(DownloadError, match=r"the server is too slow: \d+ bytes in \d+ sec"):
        fetch(source(url))
    assert files(cache) == []


def test_a_redirect_to_a_less_safe_protocol(server, cache):
    for target in ("ftp://127.0.0.1/w.npz", "file:///etc/passwd"):
        with pytest.raises(DownloadError, match="redirect"):
            fetch(source(server.serve("/w.npz", redirect(target))))


def test_what_a_server_says_is_safe_to_print(server, cache):
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 404 \x1b]0;owned\x07\r\n\r\n")

    with pytest.raises(DownloadError, match=r"answered 404 \\x1b\]0;owned\\x07") as error:
        fetch(source(server.serve("/w.npz", answer)))
    assert all(line.isprintable() for line in str(error.value).splitlines())


def test_offline(server, cache, monkeypatch):
    file = source(server.serve("/w.npz", whole(DATA)))
    monkeypatch.setenv("KERASLIGHT_OFFLINE", "1")
    with pytest.raises(DownloadError, match="KERASLIGHT_OFFLINE is set and there is no file"):
        fetch(file)
    assert server.requests == []
    cache.mkdir(parents=True)
    (cache / "w.npz").write_bytes(DATA)
    assert fetch(file) == DATA
    monkeypatch.setenv("KERASLIGHT_OFFLINE", "0")
    (cache / "w.npz").unlink()
    assert fetch(file) == DATA


def test_proxies_are_used(server, cache, monkeypatch):
    url = "http://weights.invalid/w.npz"
    server.answers[url] = whole(DATA)
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.delenv("no_proxy", raising=False)
    assert fetch(source(url)) == DATA
    assert server.requests == [url]


def test_quiet_where_keras_is(server, cache, capsys):
    keras.config.disable_interactive_logging()
    try:
        fetch(source(server.serve("/w.npz", whole(DATA))))
    finally:
        keras.config.enable_interactive_logging()
    assert capsys.readouterr().out == ""


@contextlib.contextmanager
def unprivileged():
    """Root may write anywhere, so the tests step down where they run as root."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_folder_without_write_permission(server, cache):
    file = source(server.serve("/w.npz", whole(DATA)))
    cache.mkdir(parents=True)
    cache.chmod(0o555)
    with unprivileged(), pytest.raises(DownloadError, match=r"cannot be written to .*KERAS_HOME"):
        fetch(file)
    assert files(cache) == []


def test_a_home_that_is_a_file(server, cache):
    cache.parent.write_text("not a folder")
    with pytest.raises(DownloadError, match="cannot be written to"):
        fetch(source(server.serve("/w.npz", whole(DATA))))


def test_a_full_disk(server, cache):
    file = source(server.serve("/w.npz", whole(DATA)))
    full = pytest.raises(DownloadError, match=r"cannot be written to .*KERAS_HOME")
    with no_file_larger_than(len(DATA) // 2), full:
        fetch(file)
    assert files(cache) == []


FETCH_OFTEN = """
import sys
from tests.weights.test_download import fetch_often
print("ready", flush=True)
sys.stdin.readline()
fetch_often(sys.argv[1])
"""


def fetch_often(url):
    for index in range(30):
        assert fetch(source(url, file=f"{index}.npz")) == DATA


def test_two_processes_at_once(server, cache):
    url = server.serve("/w.npz", whole(DATA))
    other = subprocess.Popen(
        [sys.executable, "-c", FETCH_OFTEN, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "KERAS_BACKEND": "numpy"},
    )
    while other.stdout.readline().strip() != "ready":
        assert other.poll() is None
    other.stdin.write("go\n")
    other.stdin.flush()
    fetch_often(url)
    output, _ = other.communicate(timeout=60)
    assert other.returncode == 0, output
    assert sorted(files(cache)) == sorted(f"{index}.npz" for index in range(30))
    assert all(path.read_bytes() == DATA for path in cache.iterdir())
    assert 30 < len(server.requests) <= 60, "the two did not race"


def test_urls(cache):
    plain = url_source("https://host/a/model%20b.safetensors?download=true")
    assert plain.url == "https://host/a/model%20b.safetensors?download=true"
    assert plain.hash is None
    assert plain.file.endswith("-model_b.safetensors")
    other = url_source("https://host/c/model%20b.safetensors")
    assert other.file != plain.file
    assert url_source(f"https://host/w.pth#sha256={SHA256}").hash == f"sha256:{SHA256}"
    for name in ("%2e%2e%2fevil.pth", "..%5cevil.pth", "a%00b.pth"):
        assert set(url_source(f"https://host/{name}").file) <= set(
            "abcdefghijklmnopqrstuvwxyz0123456789._-"
        )
    with pytest.raises(ValueError, match=r"\.weights\.h5.*Received: 'w\.onnx'"):
        url_source("https://host/w.onnx")
    with pytest.raises(ValueError, match="hexadecimal digits"):
        url_source("https://host/w.pth#md5=12345678")
