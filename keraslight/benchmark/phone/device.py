"""What a phone is and how it feels: build, processors, governor, heat, battery."""

import re
from dataclasses import dataclass

from keraslight.benchmark.phone.adb import Phone, PhoneError

_FILES = ("cpuinfo_max_freq", "scaling_max_freq", "scaling_governor")
_CPUS_COMMAND = (
    "for c in /sys/devices/system/cpu/cpu[0-9]*; do echo cpu ${c##*/cpu}; "
    f"for f in {' '.join(_FILES)}; do "
    'echo "$f $(cat $c/cpufreq/$f 2>/dev/null)"; done; done'
)
_MARK = "keraslight next"
PROPERTIES = {
    "manufacturer": "ro.product.manufacturer",
    "model": "ro.product.model",
    "soc": "ro.soc.model",
    "board": "ro.board.platform",
    "abi": "ro.product.cpu.abi",
    "android": "ro.build.version.release",
    "sdk": "ro.build.version.sdk",
    "build": "ro.build.fingerprint",
}


@dataclass(frozen=True)
class Cpu:
    """One processor of a phone, its frequencies in kHz; `None` where the phone does not tell."""

    number: int
    top_khz: int | None
    allowed_khz: int | None
    governor: str | None


def facts(phone: Phone) -> dict:
    """Returns what a latency depends on, for a result in JSON."""
    properties, processors = _ask(phone, "getprop", _CPUS_COMMAND)
    found = dict(re.findall(r"\[(.+?)\]: \[(.*?)\]", properties))
    values = {name: found.get(key) for name, key in PROPERTIES.items()}
    return {
        "kind": "android",
        "name": " ".join(filter(None, (values["manufacturer"], values["model"]))) or phone.serial,
        "serial": phone.serial,
        **values,
        "cpus": [vars(cpu) for cpu in _cpus(processors)],
    }


def _ask(phone, *commands):
    """Returns what several commands print; one trip to the phone takes longer than they do."""
    parts = phone.shell(f"; echo {_MARK}; ".join(commands)).text.split(_MARK)
    if len(parts) != len(commands):
        raise PhoneError(f"{phone.serial}: the phone's shell does not answer. Received: {parts}")
    return parts


def _cpus(text):
    found = []
    for block in re.split(r"^cpu ", text, flags=re.MULTILINE)[1:]:
        number, *lines = block.splitlines()
        if not number.strip().isdigit():  # the pattern itself, where there is no such folder
            continue
        values = dict(line.partition(" ")[::2] for line in lines)
        top, allowed = (int(v) if (v := values.get(n, "")).isdigit() else None for n in _FILES[:2])
        found.append(Cpu(int(number), top, allowed, values.get(_FILES[2]) or None))
    return sorted(found, key=lambda cpu: cpu.number)


def mask(choice: str, processors: list[Cpu]) -> str | None:
    """Returns the processors to run on as taskset takes them: hexadecimal.

    Args:
        choice: `"all"`; `"little"`: those of the lowest top frequency; `"big"`: all others;
            `"prime"`: those of the highest; or a mask such as `"f0"`.
        processors: the phone's.

    Raises:
        ValueError: if the choice is none of these or the phone does not tell its frequencies.
    """
    if choice == "all":
        return None
    if choice != "all" and not processors:
        raise ValueError(
            "The phone does not show its processors (/sys/devices/system/cpu cannot be read): pass "
            f"--cpus=all. Received: cpus={choice!r}"
        )
    if choice in ("big", "little", "prime"):
        speeds = {cpu.top_khz for cpu in processors}
        if None in speeds:
            raise ValueError(
                "The phone does not tell the frequencies of its processors: pass --cpus=MASK or "
                f"--cpus=all. Received: cpus={choice!r}, {processors}"
            )
        wanted = {
            "little": {min(speeds)},
            "big": speeds - {min(speeds)} or speeds,
            "prime": {max(speeds)},
        }[choice]
        return f"{sum(1 << cpu.number for cpu in processors if cpu.top_khz in wanted):x}"
    bits = choice.lower().removeprefix("0x")
    there = sum(1 << cpu.number for cpu in processors)
    if not re.fullmatch(r"[0-9a-f]+", bits) or not int(bits, 16) & there:
        raise ValueError(
            "`cpus` must be all, big, little, prime or a hexadecimal mask of processors that the "
            f"phone has, as f0. Received: cpus={choice!r}, {len(processors)} processors"
        )
    return bits


def state(phone: Phone) -> dict:
    """Returns what changes while a phone works: heat, battery, the frequencies it allows."""
    thermal, battery, processors = _ask(
        phone, "dumpsys thermalservice", "dumpsys battery", _CPUS_COMMAND
    )
    status = re.search(r"Thermal Status: (\d+)", thermal)
    # what stands before this heading was cached and may be old
    current = thermal.partition("Current temperatures from HAL:")[2]
    current = current.partition("Current cooling devices")[0]
    temperatures = {
        name: float(value)
        for value, name in re.findall(r"mValue=(-?[\d.]+), mType=-?\d+, mName=([^,}]+)", current)
    }
    return {
        "thermal_status": int(status[1]) if status else None,
        "temperatures": temperatures,
        "battery_level": _battery(battery, "level"),
        "battery_celsius": _tenth(_battery(battery, "temperature")),
        "plugged": bool(re.search(r"powered: true", battery)),
        "allowed_khz": [cpu.allowed_khz for cpu in _cpus(processors)],
    }


def is_hotter(now: dict, before: dict) -> bool:
    """Tells whether a phone is in a worse thermal state than before, or throttles."""
    ranks = (now["thermal_status"] or 0, before["thermal_status"] or 0)
    if ranks[0] > ranks[1]:
        return True
    return any(
        then and allowed and allowed < then
        for allowed, then in zip(now["allowed_khz"], before["allowed_khz"], strict=False)
    )


def _battery(text, key):
    found = re.search(rf"^\s*{key}: (-?\d+)", text, re.MULTILINE)
    return int(found[1]) if found else None


def _tenth(value):
    return None if value is None else value / 10
