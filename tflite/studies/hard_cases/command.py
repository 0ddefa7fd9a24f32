"""Quantizes networks that int8 breaks, with and without what brings them back."""

from collections.abc import Iterator

import click
import keras
import numpy as np

import keraslight
from keraslight.commands import options
from keraslight.commands.program import Command, note
from keraslight.conversion.check import signal_to_noise_db
from keraslight.record import record, write_result
from tflite.studies.hard_cases.networks import HARD_CASES, trained, with_scaled_channels
from training.data.digits import load_data
from training.files import to_csv

CALIBRATION_IMAGES = 128
# name: whether the channels are scaled, whether the model is equalized, how weights are rounded
WAYS = {
    "unscaled": (False, False, "nearest"),
    "plain": (True, False, "nearest"),
    "equalized": (True, True, "nearest"),
    "adaround": (True, False, "adaround"),
    "both": (True, True, "adaround"),
}


@click.command(
    "tflite.studies.hard_cases",
    cls=Command,
    examples=["python -m tflite.studies.hard_cases --output=results/hard_cases.csv"],
)
@click.option("--output", type=options.NEW_FILE, required=True, help="CSV file to write.")
@click.option(
    "--cases",
    type=options.CommaList(click.Choice(list(HARD_CASES))),
    default=",".join(HARD_CASES),
    help="Which networks.",
)
@click.option("--epochs", type=options.COUNT, default=60, help="Of their training.")
@click.option("--seed", type=int, default=0, help="Of the data and the training.")
def command(output, cases, epochs, seed):
    """Quantizes networks that int8 breaks, as they are, equalized and with AdaRound."""
    rows = list(measure(list(cases), epochs, seed))
    text = to_csv(rows)
    write_result(output, text, record(seeds=seed, data="scikit-learn's digits"))
    click.echo(text.decode())


def measure(cases: list[str], epochs: int, seed: int) -> Iterator[dict]:
    """Yields a row for each network and each way of quantizing it.

    Args:
        cases: names of `HARD_CASES`.
        epochs: how long the networks are trained.
        seed: of the data and the training.
    """
    images, held_out, labels, _ = load_data(seed=seed)
    calibration = images[:CALIBRATION_IMAGES]
    for name in cases:
        note(f"{name}:")
        case = HARD_CASES[name]
        model = trained(case, images, labels, epochs, seed)
        expected = model.predict(held_out, verbose=0)
        for way, (scaled, equalized, rounding) in WAYS.items():
            network = with_scaled_channels(model, case, seed) if scaled else model
            if equalized:
                network = keraslight.equalize(network, [calibration])
            quantized = keraslight.quantize_model(network)
            keraslight.calibrate(quantized, [calibration], rounding=rounding, verbose=0)
            found = keras.ops.convert_to_numpy(quantized(held_out))
            same = np.mean(found.argmax(axis=1) == expected.argmax(axis=1))
            note(f"  {way}: the same class on {same:.1%}")
            yield {
                "case": name,
                "way": way,
                "pictures": len(held_out),
                "same_class": round(float(same), 4),
                "db": round(signal_to_noise_db(expected, found), 1),
            }
