"""An HTTP server on loopback whose every path answers as the test says."""

import contextlib
import http.server
import socket
import struct
import threading
import time


class Loopback:
    """A server; `answers` maps paths to functions of the request handler.

    Attributes:
        url: where it listens.
        answers: dict from paths to functions that answer a request.
        requests: the paths asked for, in order.
    """

    def __init__(self):
        self.answers = {}
        self.requests = []
        loopback = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                loopback.requests.append(self.path)
                loopback.answers.get(self.path, status(404))(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def serve(self, path, answer):
        """Lets a path answer so; returns its url."""
        self.answers[path] = answer
        return self.url + path


@contextlib.contextmanager
def loopback():
    instance = Loopback()
    thread = threading.Thread(target=instance.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield instance
    instance.server.shutdown()
    instance.server.server_close()
    thread.join()


def whole(data, kind="application/octet-stream"):
    """Sends the data."""

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def truncated(data):
    """Announces the whole data, sends half of them and closes."""

    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data[: len(data) // 2])

    return answer


def interrupted(data, times, resumable):
    """Breaks off in the middle of the data, for so many times; resets the connection or closes it.

    A reset may cost the client what it had not yet read, so only what is closed is taken up.
    """
    left = [times]
    ranges = []

    def answer(handler):
        wanted = handler.headers.get("Range") if resumable else None
        ranges.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        handler.send_response(206 if wanted else 200)
        if wanted:
            assert handler.headers.get("If-Range", '"v1"') == '"v1"'
            handler.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        handler.send_header("ETag", '"v1"')
        handler.send_header("Content-Length", str(len(data) - start))
        handler.end_headers()
        if left[0] == 0:
            handler.wfile.write(data[start:])
            return
        left[0] -= 1
        handler.wfile.write(data[start : start + (len(data) - start) // 2])
        handler.wfile.flush()
        if not resumable:
            linger = struct.pack("ii", 1, 0)
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            handler.connection.close()

    answer.ranges = ranges
    return answer


def slowly(data, chunk, headers=False, arrived=None):
    """Sends so many bytes every 10 ms, of the data or of endless headers, until the client goes."""

    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + (b"X: " if headers else b"\r\n"))
        with contextlib.suppress(OSError):
            for start in range(0, len(data), chunk):
                handler.wfile.write(b"x" * chunk if headers else data[start : start + chunk])
                if arrived is not None:
                    arrived.set()
                time.sleep(0.01)

    return answer


def status(code):
    """Answers with an error and its page."""
    return lambda handler: handler.send_error(code)


def redirect(url, **headers):
    """Sends the client elsewhere."""

    def answer(handler):
        handler.send_response(302)
        handler.send_header("Location", url)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()

    return answer
