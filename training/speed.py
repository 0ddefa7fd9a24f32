r"""How fast a network trains, beside the authors' architecture in PyTorch on the same machine.

    python -m training.speed --output=results/training_speed.json

Times steps of VGNetG-1.0MP in Keras and in PyTorch, in both its memory formats, with as many
threads each. The three take turns, each in a process of its own that sleeps while another works;
ratios are those of one round, which noise of the machine spoils least. Takes about three minutes on
two cores, which should have nothing else to do. Needs `pip install keraslight[speed]`.
"""

import json
import os
import pathlib
from importlib import metadata

from absl import app, flags

from training.step_rates import measure, summarize

FLAGS = flags.FLAGS
_OUTPUT = flags.DEFINE_string("output", "results/training_speed.json", "JSON file to write.")
_THREADS = flags.DEFINE_integer("threads", 2, "Threads of each.", lower_bound=1)
_BATCH = flags.DEFINE_integer("batch", 32, "Pictures a step.", lower_bound=1)
_SIZE = flags.DEFINE_integer("size", 128, "Height and width of the pictures.", lower_bound=32)
_STEPS = flags.DEFINE_integer("steps", 10, "Steps of a turn.", lower_bound=1)
_ROUNDS = flags.DEFINE_integer("rounds", 9, "How many turns each takes.", lower_bound=1)


def main(argv):
    """Measures, prints and writes."""
    if len(argv) > 1:
        raise app.UsageError(f"Unknown arguments. Received: {argv[1:]}")
    settings = {flag.name: flag.value for flag in (_THREADS, _BATCH, _SIZE, _STEPS, _ROUNDS)}
    load = os.getloadavg()[0]
    rounds = measure(**settings)
    # not above: the processes that measure import this file
    from keraslight.commands.program import command
    from training.summary import versions

    result = {
        "model": "VGNetG-1.0MP",
        **summarize(rounds),
        **settings,
        "load_before": load,
        "command": command(),
        "versions": {**versions(), "torch": metadata.version("torch")},
    }
    path = pathlib.Path(_OUTPUT.value)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result, indent=2)
    path.write_text(text + "\n")
    print(text)


if __name__ == "__main__":
    app.run(main)
