"""Runs benchmark_model on a phone: the command-line tool, or the app around it."""

import contextlib
import pathlib
import re
import shlex
import time
import uuid
from collections.abc import Callable, Iterator, Sequence

from keraslight.benchmark.phone.adb import Phone, PhoneError, PhoneTimeout
from keraslight.benchmark.results import Case
from keraslight.benchmark.signals import held_back, stop_as_interrupt

PACKAGE = "org.tensorflow.lite.benchmark"
ACTIVITY = f"{PACKAGE}/.BenchmarkModelActivity"
_SIGNALS = {132: "illegal instruction", 134: "aborted", 137: "killed", 139: "segmentation fault"}
# flags that switch a delegate on, by the first that a tool knows
_DELEGATE_FLAGS = {
    "xnnpack": ("use_xnnpack=true", "use_cpu=true"),
    "none": ("use_xnnpack=false",),
    "gpu": ("use_gpu=true",),
    "nnapi": ("use_nnapi=true",),
}
DELEGATES = tuple(_DELEGATE_FLAGS)


@contextlib.contextmanager
def phone_folder(phone: Phone, show: Callable[[str], None] = lambda text: None) -> Iterator[str]:
    """Makes a folder on the phone; at the end nothing of it, or running in it, stays.

    That holds for errors, Ctrl-C, SIGTERM and SIGHUP too.

    Args:
        phone: the phone.
        show: called with a warning if the phone cannot be cleaned.
    """
    path = f"/data/local/tmp/keraslight_{uuid.uuid4().hex[:8]}"
    with stop_as_interrupt():
        try:
            if phone.shell(f"mkdir -p {path}").status:
                raise PhoneError(f"{phone.serial}: the folder {path} cannot be made on the phone")
            yield path
        finally:
            with held_back():
                _clean(phone, path, show)


def _clean(phone, path, show):
    try:
        kill(phone, path)
        done = phone.shell(f"rm -rf {path}")
        why = done.text.strip() if done.status else None
    except PhoneError as error:
        why = str(error)
    if why is not None:
        show(
            f"warning: {why}; a folder stays on the phone: "
            f"adb -s {phone.serial} shell rm -rf {path}"
        )


def kill(phone: Phone, folder: str) -> None:
    """Ends what runs in a folder of the phone."""
    # the bracket keeps the pattern from finding the shell that looks for it
    name = folder.rsplit("/", 1)[-1]
    phone.shell(f"pkill -9 -f '[{name[0]}]{name[1:]}'")


class CommandLineTool:
    """The benchmark_model executable.

    Args:
        phone: the phone.
        folder: str, a folder on it.
        binary: path of the executable on this machine.
        mask: optional str, the processors to run on, as taskset takes them.
        libraries: paths of shared libraries the executable loads, on this machine.
    """

    def __init__(
        self,
        phone: Phone,
        folder: str,
        binary,
        mask: str | None = None,
        libraries: Sequence[str] = (),
    ):
        self.phone, self.folder = phone, folder
        phone.push(binary, f"{folder}/benchmark_model")
        for library in libraries:
            phone.push(library, f"{folder}/{pathlib.Path(library).name}")
        pinned = f"taskset {mask} " if mask else ""
        # by its whole path, by which `kill` finds it
        self._command = f"cd {folder} && LD_LIBRARY_PATH=. {pinned}{folder}/benchmark_model"
        phone.shell(f"chmod 755 {folder}/benchmark_model")
        self.flags = self._known_flags()

    def _known_flags(self):
        """Returns the flags this build knows; they differ between the tools and over time."""
        answer = self.phone.shell(f"{self._command} --help")
        flags = set(re.findall(r"--(\w+)=", answer.text))
        if "graph" not in flags:
            _require_success(self.phone, answer)
            raise PhoneError(
                f"{self.phone.serial}: the file given is not a benchmark_model tool; it says: "
                f"{answer.text.strip()[-200:]!r}"
            )
        return flags

    def run(self, graph: str, case: Case, seconds: float, **options) -> str:
        """Runs the tool once and returns what it printed.

        Args:
            graph: str, the name of a model in the folder.
            case: threads and delegate.
            seconds: float, after which it is ended.
            **options: further flags of the tool; those it does not know are left out.

        Raises:
            PhoneError: if it cannot run the case, fails, or does not end in time.
        """
        flags = [f"--graph={graph}", f"--num_threads={case.threads}", self._delegate(case)]
        flags += [f"--{key}={value}" for key, value in options.items() if key in self.flags]
        command = f"{self._command} {' '.join(shlex.quote(flag) for flag in flags)}"
        try:
            answer = self.phone.shell(command, seconds)
        except PhoneTimeout as error:
            kill(self.phone, self.folder)
            raise PhoneTimeout(f"{self.phone.serial}: no end after {seconds:.0f} s") from error
        _require_success(self.phone, answer)
        return answer.text

    def _delegate(self, case):
        for flag in _DELEGATE_FLAGS[case.delegate]:
            if flag.split("=")[0] in self.flags:
                return f"--{flag}"
        raise PhoneError(f"{self.phone.serial}: this benchmark_model has no {case.delegate}")


def _require_success(phone, answer):
    if not answer.status:
        return
    lines = [line.strip() for line in answer.text.splitlines() if line.strip()]
    why = _SIGNALS.get(answer.status, f"exit status {answer.status}")
    if answer.status == 126:
        why = "it cannot be executed on this phone; is it built for its ABI?"
    raise PhoneError(
        f"{phone.serial}: benchmark_model failed, {why}: {lines[-1] if lines else 'no output'}"
    )


class AppTool:
    """The benchmark_model app, which runs as apps do: in the foreground, scheduled by Android.

    Args:
        phone: the phone, its screen unlocked.
        folder: str, a folder on it.
    """

    POLL_SECONDS = 1.0
    # other errors in the log are no end: a delegate that takes but a part of the model logs some
    _FINISHED = re.compile(
        r"nference timings in us|Benchmarking failed|Failed to apply \w+ delegate\."
        r"|Failed to (mmap model|initialize the interpreter|allocate tensors|invoke)"
    )

    def __init__(self, phone: Phone, folder: str):
        self.phone, self.folder = phone, folder
        phone.shell(f"chmod 755 {folder}; chmod 644 {folder}/*")

    def run(self, graph: str, case: Case, seconds: float, **options) -> str:
        """Runs the app once and returns what it wrote to the log; see `CommandLineTool.run`."""
        flag = _DELEGATE_FLAGS[case.delegate][0]
        flags = [f"--graph={self.folder}/{graph}", f"--num_threads={case.threads}", f"--{flag}"]
        flags += [f"--{key}={value}" for key, value in options.items()]
        since = self.phone.shell("date '+%m-%d %H:%M:%S.000'").text.strip()
        arguments = shlex.quote('"' + " ".join(flags) + '"')
        end = time.monotonic() + seconds
        try:
            # the app computes before it shows itself, for which -W waits
            self._start(f"am start -S -W -n {ACTIVITY} --es args {arguments}", seconds)
            while time.monotonic() < end:
                alive = self.phone.shell(f"pidof {PACKAGE}").text.strip()
                log = self.phone.shell(f"logcat -d -v threadtime -T '{since}' -s tflite litert")
                if self._FINISHED.search(log.text):
                    return log.text
                if not alive:
                    raise PhoneError(f"{self.phone.serial}: the app ended without a result")
                time.sleep(self.POLL_SECONDS)
        finally:
            with contextlib.suppress(PhoneError):
                self.phone.shell(f"am force-stop {PACKAGE}")
        raise PhoneTimeout(f"{self.phone.serial}: no end after {seconds:.0f} s")

    def _start(self, command, seconds):
        answer = self.phone.shell(command, seconds)
        if answer.status or "Error" in answer.text:
            said = answer.text.strip().splitlines()[-1:]
            raise PhoneError(f"{self.phone.serial}: the app does not start: {said}")


@contextlib.contextmanager
def installed_app(
    phone: Phone, apk, show: Callable[[str], None] = lambda text: None
) -> Iterator[None]:
    """Installs the app, and takes it away at the end if it was not there before."""
    there = PACKAGE in phone.shell(f"pm list packages {PACKAGE}").text
    with stop_as_interrupt():
        try:
            phone.call("install", "-r", "-d", "-g", str(apk), seconds=300)
            yield
        finally:
            with held_back():
                if not there:
                    _uninstall(phone, show)


def _uninstall(phone, show):
    try:
        if PACKAGE in phone.shell(f"pm list packages {PACKAGE}").text:
            phone.call("uninstall", PACKAGE)
    except PhoneError as error:
        show(f"warning: {error}; the app stays on it: adb -s {phone.serial} uninstall {PACKAGE}")
