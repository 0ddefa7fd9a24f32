"""The cache of downloaded weights. Every file in it is complete and verified."""

import contextlib
import dataclasses
import hashlib
import os
import pathlib
import re
import time
from collections.abc import Callable, Sequence

import keras

from keraslight.bounds import MAX_BYTES, unzip
from keraslight.download import (
    OFFLINE,
    DownloadError,
    cache_folder,
    digest_of,
    download,
    is_offline,
)
from keraslight.files import UNFINISHED, atomic_file, write_whole
from keraslight.text import printable
from keraslight.weights.messages import say
from keraslight.weights.readers import budget_of, suffix_of
from keraslight.weights.registry import Source

LONGEST_NAME = 100  # of a file from a url
# a download writes all the time, so a temporary file this old is of a process that was killed
STALE = 3600  # seconds
# the SHA-256 of a file for which none was published, kept beside it from the first download on
RECORD = ".sha256"


@contextlib.contextmanager
def fetched(source: Source):
    """Yields the path of a published file, and downloads it if the cache does not have it.

    A downloaded file enters the cache whole, in one step, after the body of the `with` statement
    ended well. If the body raises, nothing is left of the file. So several processes may download
    the same file.

    Raises:
        DownloadError: if the file cannot be downloaded, or is not the one that was published.
    """
    path = cache_folder() / source.file
    recorded = None if source.hash else _recorded(path)
    if os.path.isfile(path):
        try:
            _verify(path, source.hash, recorded)
        except DownloadError as error:
            say(f"{path} is damaged, {error}; it is downloaded again.")
        else:
            if source.hash is None and recorded is None:
                _record(path, path)
            yield path
            return
    if is_offline():
        raise DownloadError(f"{OFFLINE} is set and there is no file {path}")
    with contextlib.ExitStack() as stack:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _remove_stale_files(path.parent)
            partial = stack.enter_context(atomic_file(path, suffix_of(source.file)))
        except OSError as error:
            raise _not_writable(path.parent, error) from error
        stated = _download(source.url, partial)
        try:
            _verify(partial, source.hash, recorded or stated)
        except DownloadError as error:
            if recorded is None:
                raise
            raise DownloadError(
                f"{error}, as in the first download; if the file was meant to change, remove "
                f"{_record_path(path)}"
            ) from error
        say(f"{source.file}: {_verdict(source, stated, partial)}.")
        yield partial
        # before the file itself, so that a file never has the record of another
        if source.hash is None:
            _record(path, partial)


def _record_path(path):
    return path.with_name(path.name + RECORD)


def _recorded(path):
    """Returns the hash that was recorded when a file was first downloaded, if any."""
    try:
        digits = _record_path(path).read_text(errors="replace").strip()
    except OSError:
        return None
    return f"sha256:{digits}" if re.fullmatch("[0-9a-f]{64}", digits) else None


def _record(path, content):
    """Records the hash of a file, read at `content`, for the file `path` of the cache."""
    # a cache that cannot be written to serves what it has
    with contextlib.suppress(OSError):
        write_whole(_record_path(path), f"{digest_of(content)}\n".encode())


def _remove_stale_files(folder):
    """Removes the unfinished files of processes that were killed."""
    for path in folder.glob(f"{UNFINISHED}*"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > STALE:
                path.unlink()


def _not_writable(folder, error):
    return DownloadError(
        f"{folder} cannot be written to ({error}); KERAS_HOME may name another folder"
    )


def first_usable(sources: Sequence[Source], use: Callable[[pathlib.Path], None]) -> Source:
    """Uses the first of several sources that can be downloaded, and returns it.

    Args:
        sources: the files, the preferred one first.
        use: called with the path of the file. If it raises, nothing is left of the file.

    Raises:
        DownloadError: if none could be downloaded. The message says why and what to do.
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
        "The weights could not be downloaded.\n"
        + "\n".join(failures)
        + f"\nIf you have the file {files}, pass its path as `weights`, or put it into "
        f"{cache_folder()}."
    )


def is_url(weights: str | os.PathLike) -> bool:
    """Tells whether weights are given by a url, not by a path."""
    return str(weights).startswith(("http://", "https://"))


def url_source(url: str) -> Source:
    """Returns the source of a url, which may end in its hash: `https://...#sha256=<digits>`."""
    url, _, fragment = url.partition("#")
    name, _, digits = fragment.lower().partition("=")
    if fragment and not (name == "sha256" and re.fullmatch("[0-9a-f]{8,64}", digits)):
        raise ValueError(
            "A url may end in #sha256= and 8 to 64 hexadecimal digits. "
            f"Received: weights={f'{url}#{fragment}'!r}"
        )
    source = Source(url, hash=f"sha256:{digits}" if digits else None)
    file = re.sub(r"[^\w.-]", "_", source.file, flags=re.ASCII)[-LONGEST_NAME:]
    suffix_of(file)
    # files of other urls may have the same name
    unique = hashlib.sha256(url.encode()).hexdigest()[:12]
    return dataclasses.replace(source, file=f"{unique}-{file}")


def _verify(path, published, stated=None):
    """Raises a `DownloadError` if a file does not have the hash published or, without one, stated.

    The published hash of a zipped file is that of its content.
    """
    if published is None and stated is None:
        return
    algorithm, _, digits = (published or stated).partition(":")
    if published and path.suffix == ".zip":
        try:
            content = unzip(path.read_bytes(), budget_of(path))
        except Exception as error:
            raise DownloadError(f"it is no zip archive of one file: {printable(error)}") from error
        digest = hashlib.new(algorithm, content).hexdigest()
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
    try:
        with open(path, "wb") as file:
            return download(url, file, MAX_BYTES, _progress_bar)
    except DownloadError:
        raise
    except OSError as error:
        raise _not_writable(path.parent, error) from error


def _progress_bar(size):
    return keras.utils.Progbar(size).update
