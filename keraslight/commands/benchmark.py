"""The command `keraslight benchmark`."""

import click

from keraslight.benchmark import PhoneError, find_phones
from keraslight.benchmark.desktop import DELEGATES as DELEGATES_HERE
from keraslight.benchmark.desktop import time_here
from keraslight.benchmark.phone import binary, on_device
from keraslight.benchmark.phone.session import time_on_phone
from keraslight.benchmark.phone.tool import DELEGATES
from keraslight.benchmark.profile import profile_here
from keraslight.benchmark.report import ResultFile, cases_of
from keraslight.benchmark.signals import stop_as_interrupt
from keraslight.commands import options
from keraslight.commands.program import Command, note
from keraslight.commands.timing_options import (
    phone_settings,
    pin_here,
    refuse_phone_options,
    timing_options,
)
from keraslight.failures import PHONE_FAILED
from keraslight.pictures.folder import list_pictures
from keraslight.tflite.classify import preprocessing_of
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import TFLiteRunner


@click.command(
    "benchmark",
    cls=Command,
    examples=[
        "keraslight benchmark --tflite=float.tflite,int8.tflite --threads=1,2 --json=out.json",
        "keraslight benchmark --android --cpus=big --tflite=f32.tflite,int8.tflite --json=out.json",
    ],
)
@click.option(
    "--tflite",
    type=options.CommaList(options.FILE),
    required=True,
    help="The .tflite files; ratios are taken to the first.",
)
@options.threads
@click.option(
    "--delegates",
    type=options.CommaList(click.Choice([*DELEGATES, "cpu"])),
    default="xnnpack",
    help="xnnpack (or cpu), none; on a phone also gpu and nnapi.",
)
@timing_options
@click.option(
    "--profile/--no-profile",
    default=False,
    help="Profile the operators with benchmark_model: here it needs --benchmark_binary.",
)
@click.option(
    "--on_device_accuracy",
    type=options.COUNT,
    help="Compare the phone's outputs for this many pictures of --data_dir with this machine's.",
)
@options.data_dir
@options.preprocessing
@options.json_file
@click.pass_context
def command(
    context,
    tflite,
    threads,
    delegates,
    timing,
    profile,
    on_device_accuracy,
    data_dir,
    preprocessing,
    json_file,
):
    """Time .tflite files, on this machine or on Android phones, all interleaved.

    Every file is visited in every round, so that a drift of the device affects all alike. Ratios
    are taken within a round, to the first file at the same number of threads and with the same
    delegate. What was measured is written to --json after every round.
    """
    refuse_phone_options(context, timing, ("benchmark_binary", "timeout") if profile else ())
    if not on_device_accuracy:
        names = ("data_dir", *options.PREPROCESSING)
        options.refuse_ignored(context, names, "--on_device_accuracy")
    delegates = tuple("xnnpack" if name == "cpu" else name for name in delegates)
    if not timing["android"] and not set(delegates) <= set(DELEGATES_HERE):
        raise ValueError(
            f"`delegates` must be of {DELEGATES_HERE} here. Received: delegates={delegates}"
        )
    if not timing["android"] and profile and not timing["benchmark_binary"]:
        raise ValueError("Here --profile needs --benchmark_binary=FILE. Received: none")
    if on_device_accuracy and (not timing["android"] or not data_dir or timing["app"]):
        raise ValueError(
            "--on_device_accuracy needs --android and --data_dir, and the tool without its app. "
            f"Received: android={timing['android']}, data_dir={data_dir!r}, app={timing['app']}"
        )
    models = [ModelFile(path) for path in tflite]
    cases = cases_of(models, threads, delegates)
    result = ResultFile(json_file, models)
    with stop_as_interrupt():
        if not timing["android"]:
            return _here(cases, timing, profile, result)
        images = {}
        if on_device_accuracy:
            images = {
                model: _images(model, data_dir, on_device_accuracy, preprocessing)
                for model in models
            }
        return _on_phones(cases, timing, profile, images, result)


def _here(cases, timing, profile, result):
    pin_here(timing["cpus"])

    def save(report):
        report.settings["cpus"] = timing["cpus"]
        result.save([report])

    report = time_here(cases, timing["rounds"], timing["runs"], note, save)
    if profile:
        profile_here(report, cases, timing["benchmark_binary"], timing["timeout"])
    _finish([report], result)


def _on_phones(cases, timing, profile, images, result):
    # whatever can be wrong here is found before hours are spent on a phone
    settings = phone_settings(timing, profile)
    phones = find_phones(timing["serial"] and list(timing["serial"]))
    tools = [
        binary.benchmark_tool(
            phone,
            timing["benchmark_binary"],
            timing["benchmark_url"],
            timing["benchmark_sha256"],
            settings.app,
        )
        for phone in phones
    ]
    reports, failed = [], False
    for phone, tool in zip(phones, tools, strict=True):
        sha256 = binary.check(tool, None)

        def save(report, sha256=sha256):
            report.settings["benchmark_sha256"] = sha256
            result.save([*reports, report])

        try:
            report = time_on_phone(phone, cases, settings, tool, note, save)
        except (PhoneError, ValueError) as error:
            if len(phones) == 1:
                raise
            note(f"error: {error}")
            failed = True
            continue
        save(report)
        reports.append(report)
        if images and report.error is None:
            _compare(phone, cases, images, tool, settings.libraries, report)
        failed |= report.failed
    if reports:
        _finish(reports, result)
    return PHONE_FAILED if failed else 0


def _images(model, data_dir, count, preprocessing):
    """Returns the pictures of --on_device_accuracy as a classifier takes them."""
    runner = TFLiteRunner(model.path)
    runner.classes  # noqa: B018  raises if it is no classifier
    prepare = preprocessing_of(model, runner, preprocessing)
    return [prepare(picture.source) for picture in list_pictures(data_dir, count)]


def _compare(phone, cases, images, tool, libraries, report):
    """Compares the phone's outputs with this machine's, for every file and delegate."""
    for case, model in cases:
        if case.threads != cases[0][0].threads:
            continue
        try:
            found = on_device.compare_with_desktop(
                phone, model, case, images[model], tool, libraries, note
            )
        except PhoneError as error:
            report.error = str(error)
            return
        report.on_device.append(found)
        click.echo(
            f"{case} on the phone and here: the same best class on {found['top1']:.2%} of "
            f"{found['pictures']} pictures, {found['identical']:.2%} bit-identical, at most "
            f"{found['max_difference']:.3g} apart"
        )
        if "warning" in found:
            report.warnings.append(found["warning"])


def _finish(reports, result):
    """Shows the tables and writes the result."""
    for report in reports:
        click.echo(f"\n{report.device['name']}\n\n{report}")
        for warning in report.warnings:
            note(f"warning: {warning}")
        for measurement in report.measurements:
            if measurement.error:
                note(f"error: {measurement.case.model}: {measurement.error}")
        if report.error:
            note(f"error: {report.error}")
    result.save(reports, complete=not any(report.failed for report in reports))
    if result.path:
        note(f"written to {result.path}")
