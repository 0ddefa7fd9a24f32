"""The command `keraslight tune`."""

import click

from keraslight.benchmark import find_phones
from keraslight.benchmark.desktop import DELEGATES as DELEGATES_HERE
from keraslight.benchmark.desktop import time_here
from keraslight.benchmark.phone.binary import benchmark_tool
from keraslight.benchmark.phone.session import time_on_phone
from keraslight.benchmark.phone.tool import DELEGATES
from keraslight.benchmark.policies import STARTS, tune_policy
from keraslight.benchmark.report import cases_of
from keraslight.benchmark.signals import stop_as_interrupt
from keraslight.commands import options
from keraslight.commands.program import Command, load_keras, note
from keraslight.commands.timing_options import (
    phone_settings,
    pin_here,
    refuse_phone_options,
    timing_options,
)
from keraslight.files import require_place, write_json
from keraslight.record import record


@click.command(
    "tune",
    cls=Command,
    examples=[
        "keraslight tune --model=vgnetg_1_0mp --quantization=int8 --output=this_machine.json",
        "keraslight tune --model=igcv3_d_1_0 --quantization=none --android --output=phone.json",
    ],
)
@options.model
@options.input_size
@click.option(
    "--quantization",
    type=click.Choice(list(STARTS)),
    default="int8",
    help="What the policy is for.",
)
@click.option(
    "--gain",
    type=click.FloatRange(0, 1),
    default=0.01,
    help="What a choice must gain to be kept, as a share of the time.",
)
@click.option(
    "--forms",
    type=options.CommaList(),
    default=(),
    show_default="all",
    help="Names of the choices to vary, as join,border.",
)
@click.option("--threads", type=options.COUNT, default=1, help="Number of threads to time with.")
@click.option(
    "--delegate",
    type=click.Choice(DELEGATES),
    default="xnnpack",
    help="What runs the files; gpu and nnapi on a phone only.",
)
@timing_options
@click.option(
    "--output",
    required=True,
    type=options.NEW_FILE,
    help="The .json file to write the policy to.",
)
@click.pass_context
def command(
    context, model, input_size, quantization, gain, forms, threads, delegate, timing, output
):
    """Find the form of a fused model that is fastest here or on a phone.

    Every choice is varied alone, starting from the policy that keraslight has for float or for
    int8; all files are timed in one interleaved run. What is faster by more than --gain is kept,
    and the policy of all that was kept is timed against the first. `model.fuse(target="FILE.json")`
    takes what this writes.
    """
    load_keras()
    from keraslight.conversion.input_size import with_input_size
    from keraslight.conversion.keras_model import load_model
    from keraslight.conversion.noise import settle

    refuse_phone_options(context, timing)
    if not output.endswith(".json"):
        raise ValueError(f"`output` must end in .json. Received: output={output!r}")
    require_place(output)
    if not timing["android"] and delegate not in DELEGATES_HERE:
        raise ValueError(
            f"`delegate` must be of {DELEGATES_HERE} here. Received: delegate={delegate!r}"
        )
    with stop_as_interrupt():
        time_files = _timer(timing, threads, delegate)
        source = load_model(model, size=input_size)
        tuned = tune_policy(
            settle(with_input_size(source.model, input_size)),
            time_files,
            quantization,
            gain,
            forms,
            note,
        )
    for warning in dict.fromkeys(text for report in tuned.reports for text in report.warnings):
        note(f"warning: {warning}")
    values = {
        "target": STARTS[quantization],
        "policy": dict(tuned.policy),
        "ratio_to_default": tuned.ratio,
        "figures": tuned.figures,
        "model": model,
        "input_size": source.model.input_shape[1:3] if input_size is None else input_size,
        "quantization": quantization,
        "threads": threads,
        "delegate": delegate,
        "device": tuned.reports[0].device,
        "settings": tuned.reports[0].settings,
        "record": record(),
    }
    write_json(output, values)
    click.echo(f"{output}: {tuned.changed or 'nothing to change'}, {tuned.ratio:.3f} of the time")


def _timer(timing, threads, delegate):
    """Returns what times files in one run; whatever can be wrong with a phone is found here."""
    if not timing["android"]:
        pin_here(timing["cpus"])
        return lambda files: time_here(
            cases_of(files, [threads], [delegate]), timing["rounds"], timing["runs"], note
        )
    settings = phone_settings(timing)
    phone, *others = find_phones(timing["serial"] and list(timing["serial"]))
    if others:
        raise ValueError(f"Choose one phone by --serial. Received: {1 + len(others)} phones")
    tool = benchmark_tool(
        phone,
        timing["benchmark_binary"],
        timing["benchmark_url"],
        timing["benchmark_sha256"],
        settings.app,
    )
    return lambda files: time_on_phone(
        phone, cases_of(files, [threads], [delegate]), settings, tool, note
    )
