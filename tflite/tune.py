r"""Measures which forms of a fused model are fastest, and writes the policy that fuse() takes.

    python -m tflite.tune --model=vgnetg_1_0mp --quantization=int8 --output=this_machine.json
    python -m tflite.tune --model=igcv3_d_1_0 --quantization=none --android --output=phone.json

    fused = model.fuse(target="phone.json")

Starting from the policy that keraslight has for float or for int8, every choice is varied alone;
all files are timed in one interleaved run. What is faster by more than --gain is kept, and the
policy of all that was kept is timed against the first. It is written with the figures behind it;
the flags of tflite.benchmark say how phones are reached.
"""

import pathlib
import tempfile

from absl import flags

from keraslight.benchmark import desktop, machine
from keraslight.benchmark.phone import adb, session
from keraslight.benchmark.policy_files import PolicyFiles, gains
from keraslight.benchmark.results import Case, run_dict, write_json
from keraslight.commands import program
from keraslight.conversion.keras_model import image_shape, load_model
from keraslight.conversion.noise import settle
from keraslight.graph.policy import FORMS, Policy
from keraslight.tflite.model_file import ModelFile
from tflite import benchmark

FLAGS = flags.FLAGS
TARGETS = {"none": "float", "float16": "float", "int8": "int8"}
flags.DEFINE_string(
    "model", None, "A name of keraslight.list_models(), a .keras file, or a run's folder."
)
flags.DEFINE_enum("quantization", "int8", list(TARGETS), "What the policy is for.")
flags.DEFINE_string("input_size", None, "224: the pictures' size, where the model takes any.")
flags.DEFINE_float("gain", 0.01, "What a choice must gain to be kept, as a share of the time.")
flags.DEFINE_string("output", None, "The .json file to write.")


def main():
    """Measures and writes the policy."""
    if not FLAGS.model or not FLAGS.output or not FLAGS.output.endswith(".json"):
        raise ValueError(
            "Pass --model and --output, a .json file. "
            f"Received: model={FLAGS.model!r}, output={FLAGS.output!r}"
        )
    size = (int(FLAGS.input_size),) * 2 if FLAGS.input_size else None
    model, _, _ = load_model(FLAGS.model, size=size)
    image_shape(model)
    model = settle(model)
    start = Policy(TARGETS[FLAGS.quantization])
    with tempfile.TemporaryDirectory() as folder:
        files = PolicyFiles(model, FLAGS.quantization, pathlib.Path(folder))
        trials = [
            (form.name, choice, start.replace(**{form.name: choice}))
            for form in FORMS.values()
            for choice in form.choices
            if choice != start[form.name]
        ]
        run = time_files([files.write(policy) for policy in (start, *(t[2] for t in trials))])
        ratios = {result["model"]: result["ratio"] for result in run["results"]}
        figures = [
            {"choice": name, "form": choice, "ratio": ratios[files.write(policy).name]}
            for name, choice, policy in trials
        ]
        for figure in figures:
            program.note(f"{figure['choice']}={figure['form']}: {figure['ratio']:.3f}")
        best = start.replace(**gains(figures, FLAGS.gain))
        check = time_files([files.write(start), files.write(best)])
        ratio = check["results"][-1]["ratio"]
        if ratio > 1 - FLAGS.gain:
            best, ratio = start, 1.0
        write_json(
            FLAGS.output,
            {
                "policy": dict(best),
                "ratio_to_default": ratio,
                "figures": figures,
                "model": FLAGS.model,
                "quantization": FLAGS.quantization,
                "device": run["device"],
                "command": program.command(),
            },
        )
    changed = {name: choice for name, choice in best.items() if choice != start[name]}
    print(f"{FLAGS.output}: {changed or 'nothing to change'}, {ratio:.3f} of the time")


def time_files(files: list[ModelFile]) -> dict:
    """Times files here or on a phone, each once; returns the device's part of a result."""
    files = list(dict.fromkeys(files))
    cases = [(Case(file.name), file) for file in files]
    if FLAGS.android:
        phone, *others = adb.connect(FLAGS.serial)
        if others:
            raise ValueError(f"Choose one phone by --serial. Received: {1 + len(others)} phones")
        binary = benchmark.benchmark_binary(phone)
        run = session.benchmark_phone(
            phone, files, cases, benchmark.phone_settings(), binary, program.note
        )
        failed = [result["error"] for result in run["results"] if result["error"]]
        if failed:
            raise program.Failure(f"A file could not be timed on the phone: {failed[0]}", 4)
        return run
    pairs = [(case, str(file.path)) for case, file in cases]
    measurements, warnings = desktop.measure(pairs, FLAGS.rounds, FLAGS.runs, program.note)
    for warning in warnings:
        program.note(f"warning: {warning}")
    return run_dict(machine.facts(), {"rounds": FLAGS.rounds}, measurements, warnings)


if __name__ == "__main__":
    program.run(main)
