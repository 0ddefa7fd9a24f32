"""Fetches published files: verified, cached, and never half."""

import contextlib
import dataclasses
import hashlib
import http.client
import os
import pathlib
import re
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Sequence

import keras

from keraslight.weights.archive import MAX_BYTES
from keraslight.weights.messages import say
from keraslight.weights.published_weights import Source
from keraslight.weights.readers import suffix_of, unzip

OFFLINE = "KERASLIGHT_OFFLINE"
ATTEMPTS = 3
TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 18
# where the Hugging Face hub states the SHA-256 of the file that it redirects to
STATED_HASH = "X-Linked-ETag"


class DownloadError(OSError):
    """A file could not be fetched, or is not the one that was published."""


class _Interrupted(Exception):
    """The connection broke before the file was whole."""


def cache_folder() -> pathlib.Path:
    """Returns the folder of downloaded weights, in that of Keras: `KERAS_HOME`, or `~/.keras`."""
    return pathlib.Path(os.environ.get("KERAS_HOME", "~/.keras")).expanduser() / "keraslight"


def is_offline() -> bool:
    """Returns whether the environment variable `KERASLIGHT_OFFLINE` forbids any download."""
    return os.environ.get(OFFLINE, "").lower() not in ("", "0", "false", "no")


@contextlib.contextmanager
def fetched(source: Source):
    """Yields the path of a published file, downloaded where the cache does not have it.

    A file just downloaded enters the cache, at once and whole, when the body of the `with`
    statement has ended well; if the body raises, nothing is left of it. So several processes may
    fetch the same file.

    Raises:
        DownloadError: if the file cannot be fetched, or is not the one that was published.
    """
    path = cache_folder() / source.file
    if os.path.isfile(path):
        try:
            _verify(path, source.hash)
        except DownloadError as error:
            say(f"{path} is not what it should be, {error}; it is fetched again.")
        else:
            yield path
            return
    if is_offline():
        raise DownloadError(f"{OFFLINE} is set and there is no file {path}")
    partial = path.with_name(f".part-{uuid.uuid4().hex}-{path.name}")
    try:
        stated_hash = _download(source.url, partial)
        _verify(partial, source.hash or stated_hash)
        say(f"{source.file}: {_verdict(source, stated_hash, partial)}.")
        yield partial
        os.replace(partial, path)
    finally:
        with contextlib.suppress(OSError):
            partial.unlink()


def first_usable(sources: Sequence[Source], use: Callable[[pathlib.Path], None]) -> Source:
    """Uses the first of several sources that can be fetched; returns that.

    Args:
        sources: the files that will do, the best first.
        use: called with the path of the file. If it raises, nothing is left of the file.

    Raises:
        DownloadError: if none could be fetched; the message says why and what to do.
    """
    failures = []
    for source in sources:
        try:
            with fetched(source) as path:
                use(path)
            return source
        except DownloadError as error:
            failures.append(f"{source.url}: {error}.")
            if source is not sources[-1]:
                say(f"{failures[-1]} The next source is tried.")
    files = " or ".join(f"{source.file} ({source.verifiable})" for source in sources)
    raise DownloadError(
        "The weights could not be fetched.\n"
        + "\n".join(failures)
        + f"\nIf you have the file {files}, pass its path as `weights`, or put it into "
        f"{cache_folder()}."
    )


def is_url(weights: str | os.PathLike) -> bool:
    """Returns whether weights are named by a url rather than by a path."""
    return str(weights).startswith(("http://", "https://"))


def url_source(url: str) -> Source:
    """Returns the source of a url, which may state the hash: `https://...#sha256=<digits>`."""
    url, _, fragment = url.partition("#")
    name, digits = fragment.partition("=")[::2]
    if fragment and not (name == "sha256" and re.fullmatch("[0-9a-f]{8,64}", digits)):
        raise ValueError(
            "A url may end in #sha256= and 8 to 64 hexadecimal digits. "
            f"Received: weights='{url}#{fragment}'"
        )
    source = Source(url, hash=f"sha256:{digits}" if digits else None)
    file = re.sub(r"[^\w.-]", "_", source.file)
    suffix_of(file)
    # other urls have files of the same name
    unique = hashlib.sha256(url.encode()).hexdigest()[:12]
    return dataclasses.replace(source, file=f"{unique}-{file}")


def digest_of(path: pathlib.Path, algorithm: str = "sha256") -> str:
    """Returns the hash of a file in hexadecimal digits."""
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _verify(path, expected):
    if expected is None:
        return
    algorithm, _, digits = expected.partition(":")
    if path.suffix == ".zip":
        try:
            digest = hashlib.new(algorithm, unzip(path.read_bytes())).hexdigest()
        except Exception as error:
            raise DownloadError(f"it is no zip archive of one file: {error}") from error
    else:
        digest = digest_of(path, algorithm)
    if not digest.startswith(digits):
        raise DownloadError(f"its {algorithm} is {digest} and should be {digits}")


def _verdict(source, stated_hash, path):
    if source.hash is None and stated_hash is None:
        return f"not verified, no hash was published; the file's SHA-256 is {digest_of(path)}"
    if source.hash is None:
        return "it has the SHA-256 that its server states; none was published elsewhere"
    return f"verified, {source.verifiable}"


def _download(url, path):
    """Downloads into a new file; returns the hash that the server states, if it does."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "xb") as file:
            return _Download(url, file).run()
    except DownloadError:
        raise
    except OSError as error:
        raise DownloadError(
            f"{path.parent} cannot be written to ({error}); KERAS_HOME may name another folder"
        ) from error


class _Download(urllib.request.HTTPRedirectHandler):
    """One file on its way; a connection that breaks is taken up where it broke, if possible."""

    def __init__(self, url, file):
        self.url, self.file = url, file
        self.opener = urllib.request.build_opener(self)
        self.etag = None
        self.stated_hash = None

    def redirect_request(self, request, response, code, message, headers, url):
        digits = headers.get(STATED_HASH, "").strip('"')
        if re.fullmatch("[0-9a-f]{64}", digits):
            self.stated_hash = f"sha256:{digits}"
        return super().redirect_request(request, response, code, message, headers, url)

    def run(self):
        for _ in range(ATTEMPTS):
            try:
                with self._open() as response:
                    self._receive(response)
            except _Interrupted:
                continue
            self.file.flush()
            os.fsync(self.file.fileno())
            return self.stated_hash
        raise DownloadError(f"the connection broke {ATTEMPTS} times before the end")

    def _open(self):
        headers = {"User-Agent": "keraslight"}
        if self.file.tell() and self.etag:
            headers |= {"Range": f"bytes={self.file.tell()}-", "If-Range": self.etag}
        try:
            return self.opener.open(
                urllib.request.Request(self.url, headers=headers), timeout=TIMEOUT
            )
        except urllib.error.HTTPError as error:
            raise DownloadError(f"the server answered {error.code} {error.reason}") from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise DownloadError(f"the server gave no answer: {error}") from error

    def _receive(self, response):
        if response.headers.get_content_type() == "text/html":
            raise DownloadError("the server sent a web page in place of the file")
        if response.headers.get("Content-Range", "").startswith(f"bytes {self.file.tell()}-"):
            start = self.file.tell()
        else:
            start = self.file.seek(0)
            self.file.truncate()
        self.etag = response.headers.get("ETag")
        length = response.headers.get("Content-Length")
        size = None if length is None else start + int(length)
        progress = keras.utils.Progbar(size)
        while chunk := self._read(response):
            if self.file.tell() + len(chunk) > MAX_BYTES:
                raise DownloadError(f"it is larger than {MAX_BYTES} bytes, as no weights are")
            self.file.write(chunk)
            progress.update(self.file.tell())
        if size is not None and self.file.tell() < size:
            raise _Interrupted

    def _read(self, response):
        try:
            return response.read1(CHUNK)
        except (OSError, http.client.HTTPException) as error:
            raise _Interrupted from error
