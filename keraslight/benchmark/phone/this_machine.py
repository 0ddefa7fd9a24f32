"""Stands in for a phone: this machine, for the tools that run on both."""

import os
import pathlib
import shutil
import subprocess

from keraslight.benchmark.phone.adb import Answer, PhoneTimeout


class ThisMachine:
    """Has the methods of `Phone` that `CommandLineTool` needs."""

    serial = "this machine"

    def shell(self, command: str, seconds: float | None = None) -> Answer:
        """Runs a command in a shell."""
        try:
            done = subprocess.run(
                ["sh", "-c", command], capture_output=True, text=True, timeout=seconds
            )
        except subprocess.TimeoutExpired as error:
            raise PhoneTimeout(f"no end after {seconds} s") from error
        return Answer(done.stdout + done.stderr, done.returncode)

    def push(self, local: str | os.PathLike, remote: str) -> None:
        """Copies a file."""
        shutil.copy(pathlib.Path(local), remote)
