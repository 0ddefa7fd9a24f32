"""The program `python -m training.studies.quantization_cost`."""

import click

from keraslight.commands.options import COUNT, CommaList
from keraslight.commands.program import Command, run
from keraslight.record import record, write_result
from training.files import to_csv
from training.studies.quantization_cost.steps import measure


@click.command(
    "training.studies.quantization_cost",
    cls=Command,
    examples=[
        "python -m training.studies.quantization_cost",
        "python -m training.studies.quantization_cost --models=vgnetg_1_0mp "
        "--rewritten=vgnetg_5_0mp_se,repvgg_plus_l2pse --rounds=4",
    ],
)
@click.option("--output", default="results/quantization_cost.csv", help="CSV file to write.")
@click.option(
    "--models",
    type=CommaList(),
    default="vgnetg_1_0mp,repvgg_a0,falconnet,igcv3_d_1_0,vgnetg_5_0mp_se",
    help="Networks to quantize and train, by name.",
)
@click.option(
    "--rewritten",
    type=CommaList(),
    default="repvgg_plus_l2pse",
    help="Networks to quantize only.",
)
@click.option("--batch", type=COUNT, default=16, help="Images per step.")
@click.option("--size", type=click.IntRange(min=32), default=128, help="Height and width.")
@click.option("--steps", type=COUNT, default=4, help="Steps of a turn.")
@click.option("--rounds", type=COUNT, default=5, help="Turns of each.")
def command(output, models, rewritten, **settings):
    """Times training steps of quantized networks beside the fused ones in float32.

    For every network: the seconds that keraslight.quantize_model takes at 224x224, and the time of
    a training step of the quantized model over that of the fused one, which take turns. Takes about
    ten minutes on two cores, which should have nothing else to do.
    """
    text = to_csv(measure(list(models), list(rewritten), **settings))
    write_result(output, text, record())
    click.echo(text.decode())


if __name__ == "__main__":
    run(command)
