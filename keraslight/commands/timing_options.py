"""The options of `keraslight benchmark` and `keraslight tune` that say how files are timed."""

import functools

import click

from keraslight.benchmark import PhoneSettings
from keraslight.commands.options import COUNT, FILE, CommaList, refuse_ignored

SECONDS = click.FloatRange(min=0)

OPTIONS = (
    click.option("--rounds", type=COUNT, default=5, help="How often each file is visited."),
    click.option(
        "--runs",
        type=COUNT,
        help="Inferences of a visit. By default as many as fit in 0.3 s; on a phone 50.",
    ),
    click.option(
        "--cpus",
        help="Processors: 0,1 here; on a phone big (the default), little, prime, all, or a "
        "hexadecimal mask as f0.",
    ),
    click.option("--android/--no-android", default=False, help="Time on phones, by adb."),
    click.option(
        "--serial", type=CommaList(), help="Serial numbers of the phones (see adb devices), or all."
    ),
    click.option(
        "--benchmark_binary",
        type=FILE,
        help="The benchmark_model executable or APK. By default it is downloaded.",
    ),
    click.option("--benchmark_url", help="Where to download it."),
    click.option("--benchmark_sha256", help="The SHA-256 sum that it must have."),
    click.option(
        "--benchmark_libraries",
        type=CommaList(FILE),
        help="Shared libraries that it loads, as LiteRT's for the GPU.",
    ),
    click.option(
        "--app/--no-app", default=False, help="Run the benchmark app (APK), scheduled as apps are."
    ),
    click.option(
        "--cool_down", type=SECONDS, default=10.0, help="Seconds of rest between rounds on a phone."
    ),
    click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        default=300.0,
        help="Seconds after which a run on a phone is ended.",
    ),
)


def timing_options(function):
    """Adds the options; the function gets `timing`, a dict of their values."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        timing = {name: kwargs.pop(name) for name in NAMES}
        return function(*args, timing=timing, **kwargs)

    for option in reversed(OPTIONS):
        call = option(call)
    return call


NAMES = (
    *("rounds", "runs", "cpus", "android", "serial", "benchmark_binary", "benchmark_url"),
    *("benchmark_sha256", "benchmark_libraries", "app", "cool_down", "timeout"),
)
# options that need --android
PHONE_ONLY = (
    *("serial", "benchmark_binary", "benchmark_url", "benchmark_sha256", "benchmark_libraries"),
    *("app", "cool_down", "timeout"),
)


def refuse_phone_options(context: click.Context, timing: dict, allowed: tuple[str, ...] = ()):
    """Refuses options that only a phone heeds, where --android is not given.

    Raises:
        click.UsageError: if one was given.
    """
    if not timing["android"]:
        names = [name for name in PHONE_ONLY if name not in allowed]
        refuse_ignored(context, names, "--android")


def phone_settings(timing: dict, profile: bool = False) -> PhoneSettings:
    """Returns how files are timed on a phone, as the options say."""
    return PhoneSettings(
        rounds=timing["rounds"],
        runs=timing["runs"] or PhoneSettings.runs,
        cpus=timing["cpus"] or PhoneSettings.cpus,
        cool_down=timing["cool_down"],
        timeout=timing["timeout"],
        profile=profile,
        app=timing["app"],
        libraries=timing["benchmark_libraries"] or (),
    )


def pin_here(cpus: str | None) -> None:
    """Lets this process run on the processors of --cpus only.

    Raises:
        ValueError: if they are not numbers, or not there.
    """
    if not cpus:
        return
    if not all(number.isdecimal() for number in cpus.split(",")):
        raise ValueError(f"`cpus` must be numbers here, as 0,1. Received: cpus={cpus!r}")
    from keraslight.benchmark import machine

    machine.pin([int(number) for number in cpus.split(",")])
