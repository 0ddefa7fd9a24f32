r"""What quantization-aware training costs, beside training the same fused model in floating point.

    python -m training.quantization_cost --output=results/quantization_cost.csv

For every network: the seconds that `keraslight.quantize_model` takes at 224x224, and the time of a
training step of the quantized model over that of the fused one, which take turns. Takes about ten
minutes on two cores, which should have nothing else to do.
"""

import pathlib

from absl import app, flags

from keraslight.files import write_whole
from training.files import to_csv
from training.quantization_steps import measure

FLAGS = flags.FLAGS
_OUTPUT = flags.DEFINE_string("output", "results/quantization_cost.csv", "The table to write.")
_MODELS = flags.DEFINE_list(
    "models",
    ["vgnetg_1_0mp", "repvgg_a0", "falconnet", "igcv3_d_1_0", "vgnetg_5_0mp_se"],
    "Networks to train, by name.",
)
_REWRITTEN = flags.DEFINE_list(
    "rewritten", ["repvgg_plus_l2pse"], "Networks to quantize and not to train."
)
_BATCH = flags.DEFINE_integer("batch", 16, "Pictures a step.", lower_bound=1)
_SIZE = flags.DEFINE_integer("size", 128, "Height and width of the pictures.", lower_bound=32)
_STEPS = flags.DEFINE_integer("steps", 4, "Steps of a turn.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "How many turns each takes.", lower_bound=1)


def main(argv):
    """Measures all networks and writes the table."""
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments. Received: {argv[1:]}")
    settings = {flag.name: flag.value for flag in (_SIZE, _BATCH, _STEPS, _ROUNDS)}
    path = pathlib.Path(_OUTPUT.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = to_csv(measure(_MODELS.value, _REWRITTEN.value, **settings))
    write_whole(path, text)
    print(text.decode())


if __name__ == "__main__":
    app.run(main)
