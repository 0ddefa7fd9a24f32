"""What this machine is: its processor, what that can do, its cores, its governor."""

import os
import pathlib
import platform
from collections.abc import Iterable

CPUS = pathlib.Path("/sys/devices/system/cpu")
CPUINFO = pathlib.Path("/proc/cpuinfo")
# the instructions that decide which kernels a runtime takes, by their names in /proc/cpuinfo
FEATURES = {
    "avx2": "AVX2",
    "avx512f": "AVX512",
    "avx_vnni": "VNNI",
    "avx512_vnni": "VNNI",
    "amx_int8": "AMX",
    "asimd": "NEON",
    "asimddp": "NEON dotprod",
    "i8mm": "I8MM",
    "sve": "SVE",
}

# kinds of processors that run other kernels: the name, and the features without which it is not
# that kind. The first that fits is the kind.
KINDS = {
    "amx": {"AMX"},
    "avx512_vnni": {"AVX512", "VNNI"},
    "avx_vnni": {"VNNI"},
    "avx512": {"AVX512"},
    "avx2": {"AVX2"},
    "neon_i8mm": {"I8MM"},
    "neon_dotprod": {"NEON dotprod"},
    "neon": {"NEON"},
}


def facts() -> dict:
    """Returns the processor, its features, cores, governor and the system, for a result in JSON."""
    return {
        "processor": processor(),
        "features": features(),
        "cores": os.cpu_count(),
        "governor": read_text(CPUS / "cpu0/cpufreq/scaling_governor"),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def processor() -> str:
    """Returns the name of the processor."""
    return _cpuinfo("model name", "hardware") or platform.processor() or platform.machine()


def features() -> list[str] | None:
    """Returns the vector instructions of the processor, such as `"AVX512"`; `None` if not known."""
    words = _cpuinfo("flags", "features")
    if words is None:
        return None
    found = [title for name, title in FEATURES.items() if name in words.split()]
    return list(dict.fromkeys(found))


def kind(found: Iterable[str] | None = None) -> str | None:
    """Returns which of `KINDS` a processor is, by its features; `None` if it is not known.

    Args:
        found: the features. Defaults to those of this machine.
    """
    found = features() if found is None else found
    return next((name for name, needed in KINDS.items() if needed <= set(found or ())), None)


def read_text(path: pathlib.Path) -> str | None:
    """Returns the stripped text of a system file; `None` if it cannot be read."""
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _cpuinfo(*keys):
    for line in (read_text(CPUINFO) or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip().lower() in keys:
            return value.strip()
    return None
