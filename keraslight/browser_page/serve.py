"""Serves a page on this computer."""

import functools
import http.server
import os

# without these a browser does not let a page use threads
HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cache-Control": "no-store",
}


class _Handler(http.server.SimpleHTTPRequestHandler):
    def end_headers(self):
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *args):
        pass


def server_of(
    folder: str | os.PathLike, host: str = "127.0.0.1", port: int = 0
) -> http.server.ThreadingHTTPServer:
    """Returns a server of the files of a folder, with the headers that threads need.

    Args:
        folder: path of the folder.
        host: str, the address to listen at; `"0.0.0.0"` for all networks of this computer.
        port: int; 0 takes a free one.

    Raises:
        OSError: if it cannot listen there.
    """
    handler = functools.partial(_Handler, directory=os.fspath(folder))
    return http.server.ThreadingHTTPServer((host, port), handler)
