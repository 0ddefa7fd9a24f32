"""Talks to Android phones through the adb command.

The command, not a library such as adbutils: a library talks to adb's server by socket, so that the
tests would need a server that behaves like adb in every trouble; the command is replaced by a
script. What its errors mean to the user must be written here in any case.
"""

import shutil
import subprocess
from dataclasses import dataclass

from keraslight.failures import NO_PHONE, PHONE_FAILED, Failure

SECONDS = 60
EXIT_MARK = "keraslight exit:"
NO_STATE = "adb prints no state"

# what adb or the phone says, and what that means to the user
_ADVICE = {
    "unauthorized": "unlock the phone and accept the question whether to allow USB debugging",
    "offline": "the phone does not answer: unplug it and plug it in again, or `adb kill-server`",
    "no permissions": "this user may not use the USB device: see the udev rules of your system",
    "recovery": "the phone is in recovery mode: let it start",
    NO_STATE: "unplug it and plug it in again, or `adb kill-server`",
    "bootloader": "the phone is in its bootloader: let it start",
}


class PhoneError(Failure):
    """Something is wrong with the phone, or with the way to it."""

    def __init__(self, message: str, exit_code: int = PHONE_FAILED):
        super().__init__(message, exit_code)


class PhoneLost(PhoneError):
    """The phone does not answer any more."""


class PhoneTimeout(PhoneError):
    """What ran on the phone did not end in time."""


@dataclass(frozen=True)
class Answer:
    """What a command on the phone printed, and its exit status."""

    text: str
    status: int


class Phone:
    """An Android phone that is reached by adb.

    Args:
        serial: str, its serial number, as `adb devices` prints it. `find_phones` finds it out.

    Example:
    ```python
    phone = keraslight.benchmark.Phone("PIXEL7")
    print(phone.shell("getprop ro.product.model").text)
    ```
    """

    def __init__(self, serial: str):
        self.serial = serial

    def shell(self, command: str, seconds: float = SECONDS) -> Answer:
        """Runs a command in the phone's shell.

        Raises:
            PhoneLost: if the phone went away.
            PhoneTimeout: if the command did not end in time; it may go on running.
        """
        # old phones do not hand on the exit status, so it is printed
        done = self._run("shell", f'({command}); echo "{EXIT_MARK}$?"', seconds=seconds)
        text, mark, status = done.stdout.rpartition(EXIT_MARK)
        if not mark or not status.strip().isdigit():
            raise self._lost(f"{done.stderr}{done.stdout}")
        return Answer(text + done.stderr, int(status))

    def push(self, local, remote: str) -> None:
        """Copies a file or a folder to the phone.

        Raises:
            PhoneError: if it cannot be copied, as for lack of space.
        """
        done = self._run("push", str(local), remote, seconds=10 * SECONDS)
        if done.returncode:
            said = _last_line(done.stderr + done.stdout)
            if "No space left" in said:
                raise PhoneError(
                    f"{self.serial}: there is no space left on the phone for '{local}': {said}"
                )
            self.require_state()
            raise PhoneError(f"{self.serial}: '{local}' cannot be copied to the phone: {said}")

    def pull(self, remote: str, local) -> None:
        """Copies a file or a folder from the phone.

        Raises:
            PhoneError: if it cannot be copied.
        """
        done = self._run("pull", remote, str(local), seconds=10 * SECONDS)
        if done.returncode:
            self.require_state()
            said = _last_line(done.stderr + done.stdout)
            raise PhoneError(f"{self.serial}: '{remote}' cannot be copied from the phone: {said}")

    def call(self, *arguments: str, seconds: float = SECONDS) -> str:
        """Runs another adb command and returns what it printed.

        Raises:
            PhoneError: if it fails.
        """
        done = self._run(*arguments, seconds=seconds)
        if done.returncode or done.stdout.startswith("Failure"):
            self.require_state()
            said = _last_line(done.stderr + done.stdout)
            raise PhoneError(f"{self.serial}: adb {arguments[0]} failed: {said}")
        return done.stdout

    def require_state(self) -> None:
        """Raises a `PhoneLost` if the phone cannot be used any more."""
        done = self._run("get-state", seconds=SECONDS)
        if done.returncode or done.stdout.strip() != "device":
            raise self._lost(done.stderr + done.stdout)

    def _lost(self, said):
        said = _last_line(said) or "the connection broke off"
        return PhoneLost(f"{self.serial}: the phone went away: {said}")

    def _run(self, *arguments, seconds):
        return _adb("-s", self.serial, *arguments, seconds=seconds)


def find_phones(serials: list[str] | None = None) -> list[Phone]:
    """Returns the phones to use.

    Args:
        serials: optional serial numbers; `["all"]` takes every phone that is ready. Without them
            there must be one phone.

    Raises:
        PhoneError: if there is no such phone, it is not ready, or there are several to choose from.

    Example:
    ```python
    (phone,) = keraslight.benchmark.find_phones()
    ```
    """
    states = _states()
    ready = [serial for serial, state in states.items() if state == "device"]
    if serials == ["all"]:
        serials = ready
    for serial in serials or states:
        if serial not in states:
            raise PhoneError(
                f"There is no phone {serial}; there are {list(states) or 'none'}", NO_PHONE
            )
        if serial not in ready and (serials or len(states) == 1):
            state = states[serial]
            advice = next((a for key, a in _ADVICE.items() if key in state), "look at its screen")
            raise PhoneError(f"The phone {serial} is not ready ({state}): {advice}", NO_PHONE)
    if not ready:
        raise PhoneError(
            "No phone was found. Connect it, switch on USB debugging among its developer options, "
            f"and look for it with `adb devices`. Received: {states or 'an empty list from adb'}",
            NO_PHONE,
        )
    if not serials and len(ready) > 1:
        raise PhoneError(
            f"There are several phones: choose with --serial={ready[0]}, several with "
            f"--serial={','.join(ready)}, or --serial=all. Received: {ready}",
            NO_PHONE,
        )
    return [Phone(serial) for serial in serials or ready]


def _states():
    """Returns the state of every phone that adb knows of."""
    done = _adb("devices", seconds=SECONDS)
    if done.returncode:
        raise PhoneError(f"adb does not work: {_last_line(done.stderr + done.stdout)}", NO_PHONE)
    _, _, listed = done.stdout.partition("List of devices attached")
    rows = (line.split(maxsplit=1) for line in listed.splitlines() if line.strip())
    return {row[0]: row[1].strip() if len(row) > 1 else NO_STATE for row in rows}


def _adb(*arguments, seconds):
    if shutil.which("adb") is None:
        raise PhoneError(
            "There is no adb command: install Android's platform tools (Debian: apt install adb) "
            "and see that it is on the PATH",
            NO_PHONE,
        )
    try:
        return subprocess.run(
            ["adb", *arguments],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            stdin=subprocess.DEVNULL,
            # Ctrl-C must not end the adb that cleans the phone
            start_new_session=True,
        )
    except subprocess.TimeoutExpired as error:
        raise PhoneTimeout(
            f"adb {arguments[-2] if len(arguments) > 1 else arguments[0]}: no end after {seconds} s"
        ) from error


def _last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""
