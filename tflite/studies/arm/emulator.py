"""A Python for arm64 with LiteRT, run by QEMU."""

import importlib.metadata
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass

from keraslight.failures import Failure

MIRROR, SUITE, PYTHON = "http://deb.debian.org/debian", "bookworm", "3.11"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
PACKAGES = (f"python{PYTHON}-minimal", f"libpython{PYTHON}-stdlib", "libstdc++6", "zlib1g")
QEMU = ("qemu-aarch64-static", "qemu-aarch64")
QEMU_SUITE, QEMU_PACKAGE = "trixie", "qemu-user"
FIRST_VERSION = 8
BASE_FEATURES = "fp asimd evtstrm aes pmull sha1 sha2 crc32"


@dataclass(frozen=True)
class Processor:
    """An Arm processor that QEMU emulates.

    Attributes:
        name: str, as QEMU calls it.
        part: str, the number of its kind, as /proc/cpuinfo shows it.
        instructions: str, those that XNNPACK has kernels of int8 for.
    """

    name: str
    part: str
    instructions: str


_PROCESSORS = (
    Processor("cortex-a53", "0xd03", "NEON"),
    Processor("cortex-a72", "0xd08", "NEON"),
    Processor("cortex-a76", "0xd0b", "NEON, dot product"),
    Processor("neoverse-n1", "0xd0c", "NEON, dot product"),
    Processor("cortex-a710", "0xd47", "NEON, dot product, i8mm, SVE2"),
    Processor("max", "0xd0b", "NEON, dot product, i8mm, SVE2, SME"),
)
PROCESSORS = {processor.name: processor for processor in _PROCESSORS}


def qemu(folders: str | None = None) -> str | None:
    """Returns the path of an emulator that is new enough, `None` if there is none.

    Args:
        folders: where to look, as in `PATH`, which is the default.
    """
    for name in QEMU:
        path = shutil.which(name, path=folders)
        if path is None:
            continue
        said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
        version = said.partition("version ")[2].split(".")[0]
        if version.isdigit() and int(version) >= FIRST_VERSION:
            return path
    return None


class Emulator:
    """A folder with a Python for arm64, and with QEMU unless the machine has one.

    Args:
        cache: path of the folder; what is missing in it is downloaded.

    Raises:
        Failure: if something cannot be downloaded.
    """

    def __init__(self, cache: str | os.PathLike):
        self.home = pathlib.Path(cache).resolve()
        self.home.mkdir(parents=True, exist_ok=True)
        self.root, self.site = self.home / "root", self.home / "site"
        self.qemu = qemu() or self._own_qemu()
        if not (self.root / "usr/bin" / f"python{PYTHON}").exists():
            self._unpack("python", SUITE, PACKAGES, self.root, "arm64")
        if not (self.site / "ai_edge_litert").is_dir():
            self._fetch_wheels()

    def run(self, processor: Processor, program: pathlib.Path, *arguments: str) -> None:
        """Runs a program of Python on a processor.

        Raises:
            Failure: if it fails.
        """
        self._describe(processor)
        done = subprocess.run(
            [
                *(self.qemu, "-cpu", processor.name, "-L", self.root),
                *("-E", f"PYTHONPATH={self.site}", "-E", f"PYTHONHOME={self.root}/usr"),
                *(self.root / f"usr/bin/python{PYTHON}", "-B", program, *arguments),
            ],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise Failure(f"{program.name} failed on {processor.name}: {done.stderr[-500:]}")

    def _describe(self, processor):
        """Writes the files in which programs look up the processor."""
        implementer = f"CPU implementer\t: 0x41\nCPU architecture: 8\nCPU part\t: {processor.part}"
        text = f"processor\t: 0\nFeatures\t: {BASE_FEATURES}\n{implementer}\n\n"
        folder = self.root / "sys/devices/system/cpu"
        folder.mkdir(parents=True, exist_ok=True)
        (self.root / "proc").mkdir(exist_ok=True)
        (self.root / "proc/cpuinfo").write_text(text)
        for name in ("possible", "present"):
            (folder / name).write_text("0\n")

    def _own_qemu(self):
        """Returns the path of the emulator of the folder, which Debian compiled without libraries.

        Raises:
            Failure: if it cannot be downloaded.
        """
        folder, name = self.home / "qemu", QEMU[-1]
        if qemu(str(folder)) is None:
            with tempfile.TemporaryDirectory(dir=self.home) as whole:
                self._unpack("qemu-package", QEMU_SUITE, (QEMU_PACKAGE,), pathlib.Path(whole))
                folder.mkdir(parents=True, exist_ok=True)
                shutil.move(pathlib.Path(whole) / "usr/bin" / name, folder / name)
        return qemu(str(folder))

    def _unpack(self, name, suite, packages, folder, architecture=None):
        """Unpacks packages of Debian, and those that they need, into a folder.

        Args:
            name: of the folder of apt's files.
            suite: the release of Debian.
            packages: their names.
            folder: where to.
            architecture: which, that of this machine if `None`.
        """
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            raise Failure(
                "The emulated Arm machine is made of Debian's packages: run this where apt-get and "
                f"dpkg-deb are. QEMU {FIRST_VERSION} or later may be installed instead of "
                f"downloaded. Received: no apt-get to fetch {packages[0]}"
            )
        apt = self.home / name
        for part in ("lists/partial", "archives/partial"):
            (apt / part).mkdir(parents=True, exist_ok=True)
        (apt / "status").touch()
        (apt / "sources.list").write_text(f"deb [signed-by={KEYS}] {MIRROR} {suite} main\n")
        text = (
            'APT::Install-Recommends "false"; Debug::NoLocking "true"; APT::Sandbox::User "";\n'
            f'Dir::State "{apt}"; Dir::State::status "{apt}/status"; Dir::Cache "{apt}";\n'
            f'Dir::Etc::sourcelist "{apt}/sources.list"; Dir::Etc::sourceparts "-";\n'
        )
        if architecture:
            text += f'APT::Architecture "{architecture}"; APT::Architectures {{"{architecture}";}};'
        (apt / "apt.conf").write_text(text)
        environment = {**os.environ, "APT_CONFIG": str(apt / "apt.conf")}
        _call(["apt-get", "update"], env=environment)
        _call(["apt-get", "install", "-y", "--download-only", *packages], env=environment)
        folder.mkdir(parents=True, exist_ok=True)
        for package in (apt / "archives").glob("*.deb"):
            _call(["dpkg-deb", "-x", str(package), str(folder)])
        shutil.rmtree(apt)

    def _fetch_wheels(self):
        wheels = self.home / "wheels"
        litert = importlib.metadata.version("ai-edge-litert")
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        pip += ["--only-binary=:all:", f"--python-version={PYTHON}", f"--dest={wheels}"]
        pip += [f"--platform=manylinux_2_{glibc}_aarch64" for glibc in (17, 27, 28)]
        _call([*pip, f"ai-edge-litert=={litert}", "numpy"])
        for wheel in wheels.glob("*.whl"):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(self.site)


def _call(command, **kwargs):
    done = subprocess.run(command, capture_output=True, text=True, **kwargs)
    if done.returncode:
        raise Failure(f"{' '.join(command[:3])} failed: {(done.stderr or done.stdout)[-500:]}")
