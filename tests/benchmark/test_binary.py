import hashlib
import http.server
import threading

import pytest

from keraslight.benchmark.phone.binary import benchmark_url, check, fetch

CONTENT = b"\x7fELF not really" * 1000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    requests = 0

    def do_GET(self):
        type(self).requests += 1
        if self.path == "/missing":
            self.send_error(404)
            return
        if self.path == "/no_http":
            self.wfile.write(b"hello\n")
            return
        if self.path in ("/cut_chunk", "/page", "/empty"):
            self.send_response(200)
            if self.path == "/cut_chunk":
                self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write({"/cut_chunk": b"ff\r\nabc", "/page": b"<html>"}.get(self.path, b""))
            self.close_connection = True
            return
        body = CONTENT[:-5] if self.path == "/cut" else CONTENT
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KERASLIGHT_OFFLINE", raising=False)
    Handler.requests = 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def kept(tmp_path):
    return [path for path in (tmp_path / "home/keraslight").iterdir() if path.suffix != ".sha256"]


def test_it_is_downloaded_once(server, tmp_path):
    path = fetch(f"{server}/tool", SHA256)
    assert path.read_bytes() == CONTENT
    assert fetch(f"{server}/tool") == path
    assert Handler.requests == 1
    path.write_bytes(b"damaged")
    assert fetch(f"{server}/tool").read_bytes() == CONTENT
    assert Handler.requests == 2


def test_another_sum(server):
    with pytest.raises(ValueError, match="does not have the SHA-256 sum asked for"):
        fetch(f"{server}/tool", "0" * 64)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cut", "the connection broke"),
        ("cut_chunk", "the connection broke"),
        ("no_http", "cannot be downloaded"),
        ("page", "neither an executable nor an app"),
        ("empty", "neither an executable nor an app"),
    ],
)
def test_a_download_that_is_no_tool(server, tmp_path, name, message):
    with pytest.raises((ValueError, OSError), match=message):
        fetch(f"{server}/{name}")
    assert kept(tmp_path) == []


def test_a_server_without_it(server, tmp_path):
    with pytest.raises(OSError, match=r"cannot be downloaded.*404.*pass the tool with --benchmark"):
        fetch(f"{server}/missing")
    assert kept(tmp_path) == []


def test_offline(server, monkeypatch):
    monkeypatch.setenv("KERASLIGHT_OFFLINE", "1")
    with pytest.raises(OSError, match="KERASLIGHT_OFFLINE is set"):
        fetch(f"{server}/tool")
    monkeypatch.setenv("KERASLIGHT_OFFLINE", "false")
    assert fetch(f"{server}/tool").read_bytes() == CONTENT


def test_addresses():
    assert benchmark_url("arm64-v8a").endswith("/android_aarch64_benchmark_model")
    assert benchmark_url("armeabi-v7a", app=True).endswith("/android_arm_benchmark_model.apk")
    with pytest.raises(ValueError, match="a phone of ABI 'x86_64'"):
        benchmark_url("x86_64")


def test_a_file_that_is_given(tmp_path):
    (tmp_path / "tool").write_bytes(CONTENT)
    assert check(tmp_path / "tool", SHA256.upper()) == SHA256
    with pytest.raises(ValueError, match="no such file"):
        check(tmp_path / "other", None)
