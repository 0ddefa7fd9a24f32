r"""Times .tflite files, on this machine or on Android phones: all files in one run, round by round.

    python -m tflite.benchmark --tflite=float.tflite,int8.tflite --threads=1,2 --json=out.json
    python -m tflite.benchmark --android --cpus=big --tflite=f32.tflite,int8.tflite --json=out.json

Every file is visited in every round, so that a drift of the machine strikes all alike; ratios are
taken inside a round, to the first file at the same number of threads and with the same delegate.

The exit code is 0 if everything was measured, 1 if something that was given is wrong, 3 if there is
no phone to use, 4 if something failed on the phone; what was measured before is written all the
same.
"""

import pathlib
import tempfile

from absl import flags

from keraslight.benchmark import desktop, machine
from keraslight.benchmark.phone import adb, binary, on_device, session, tool
from keraslight.benchmark.phone.device import facts as phone_facts
from keraslight.benchmark.phone.report_parser import ReportError, parse_profile
from keraslight.benchmark.phone.this_machine import ThisMachine
from keraslight.benchmark.results import Case, document, run_dict, table, write_json
from keraslight.commands import program
from keraslight.pictures.folder import list_pictures
from keraslight.tflite.classify import preprocessing_of
from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.runner import TFLiteRunner
from tflite import preprocessing_flags

FLAGS = flags.FLAGS
flags.DEFINE_list("tflite", [], "The .tflite files; ratios are taken to the first.")
flags.DEFINE_enum(
    "suite",
    None,
    ["peers", "forms"],
    "The networks to build and time: peers, popular ones beside those of keraslight; forms, those "
    "of keraslight as built and fused.",
)
flags.DEFINE_string("suite_dir", "runs/suite", "Folder for the files of --suite.")
flags.DEFINE_list("only", [], "Names of those of --suite wanted; all by default.")
flags.DEFINE_list("threads", ["1"], "Numbers of threads.")
flags.DEFINE_list(
    "delegates", ["xnnpack"], "Of xnnpack (or cpu), none; on a phone also gpu and nnapi."
)
flags.DEFINE_integer("rounds", 5, "How often each file is visited.", lower_bound=1)
flags.DEFINE_integer(
    "runs", None, "Inferences of a visit: by default as many as fit in 0.3 s; on a phone 50."
)
flags.DEFINE_string(
    "cpus", None, "Processors: 0,1 here; on a phone big, little, prime, all or a mask as f0."
)
flags.DEFINE_boolean(
    "profile", False, "Profile the operators, with benchmark_model: here it needs its binary."
)
flags.DEFINE_string("json", None, "File to write the result to.")

flags.DEFINE_boolean("android", False, "Run on phones, by adb.")
flags.DEFINE_list("serial", None, "Serial numbers of the phones, or all.")
flags.DEFINE_string(
    "benchmark_binary", None, "The benchmark_model executable or APK; by default it is downloaded."
)
flags.DEFINE_string("benchmark_url", None, "Where to download it.")
flags.DEFINE_string("benchmark_sha256", None, "The SHA-256 sum it must have.")
flags.DEFINE_list("benchmark_libraries", [], "Shared libraries it loads, as LiteRT's for the GPU.")
flags.DEFINE_boolean("app", False, "Run the benchmark app (APK), scheduled as apps are.")
flags.DEFINE_float("cool_down", 10.0, "Seconds of rest between rounds on a phone.")
flags.DEFINE_float("timeout", 300.0, "Seconds after which a run on a phone is ended.")
flags.DEFINE_integer(
    "on_device_accuracy",
    None,
    "Compare the phone's outputs for so many pictures of --data_dir with this machine's.",
    lower_bound=1,
)
flags.DEFINE_string("data_dir", None, "Image folder for --on_device_accuracy.")


def main():
    """Times the files and shows a table."""
    if FLAGS.suite == "peers":
        from tflite.studies import peers

        peers.run_suite(FLAGS.suite_dir, _counts(), FLAGS.rounds, FLAGS.json, FLAGS.only)
        return 0
    if FLAGS.suite == "forms":
        from tflite.studies import forms

        forms.run_suite(FLAGS.suite_dir, _counts(), FLAGS.rounds, FLAGS.json)
        return 0
    if not FLAGS.tflite:
        raise ValueError("Pass --tflite=FILE,FILE or --suite=peers. Received neither")
    models = [ModelFile(path) for path in FLAGS.tflite]
    if len({model.name for model in models}) < len(models):
        for model in models:
            model.name = str(model.path)
    cases = [
        (Case(model.name, threads, delegate), model)
        for delegate in _delegates()
        for threads in _counts()
        for model in models
    ]
    fits = FLAGS.android and FLAGS.data_dir and not FLAGS.app
    if FLAGS.on_device_accuracy and not fits:
        raise ValueError(
            "--on_device_accuracy needs --android and --data_dir, and the tool without its app. "
            f"Received: android={FLAGS.android}, data_dir={FLAGS.data_dir!r}, app={FLAGS.app}"
        )
    return _on_phones(models, cases) if FLAGS.android else _here(models, cases)


def _counts():
    try:
        counts = [int(count) for count in FLAGS.threads]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1:
        raise ValueError(f"`threads` must be positive numbers. Received: threads={FLAGS.threads}")
    return counts


def _delegates():
    delegates = ["xnnpack" if name == "cpu" else name for name in FLAGS.delegates]
    known = tool.DELEGATES if FLAGS.android else desktop.DELEGATES
    if not set(delegates) <= set(known):
        raise ValueError(
            f"`delegates` must be of {known} {'on a phone' if FLAGS.android else 'here'}. "
            f"Received: delegates={FLAGS.delegates}"
        )
    return delegates


def _here(models, cases):
    if FLAGS.cpus:
        if not FLAGS.cpus.replace(",", "").isdigit():
            raise ValueError(f"`cpus` must be numbers here, as 0,1. Received: cpus={FLAGS.cpus!r}")
        machine.pin([int(number) for number in FLAGS.cpus.split(",")])
    pairs = [(case, str(model.path)) for case, model in cases]
    measurements, warnings = desktop.measure(pairs, FLAGS.rounds, FLAGS.runs, program.note)
    if FLAGS.profile:
        warnings += _profile_here(measurements, dict(pairs))
    settings = {"rounds": FLAGS.rounds, "runs": FLAGS.runs, "cpus": FLAGS.cpus}
    _finish(models, [run_dict(machine.facts(), settings, measurements, warnings)])


def _profile_here(measurements, paths):
    """Profiles with a benchmark_model built for this machine: LiteRT in Python gives no profile."""
    if not FLAGS.benchmark_binary:
        raise ValueError("Here --profile needs --benchmark_binary=FILE. Received: none")
    warnings = []
    with tempfile.TemporaryDirectory() as folder:
        local = tool.CommandLineTool(ThisMachine(), folder, FLAGS.benchmark_binary)
        for measurement in measurements:
            graph = str(pathlib.Path(paths[measurement.case]).resolve())
            try:
                text = session.run_profile(local, graph, measurement.case, FLAGS.timeout)
                measurement.profile = parse_profile(text)
            except (adb.PhoneError, ReportError) as error:
                warnings.append(f"{measurement.case} has no profile: {error}")
    return warnings


def _on_phones(models, cases):
    phones, settings = adb.connect(FLAGS.serial), phone_settings()
    # whatever can be wrong here is found before hours are spent on a phone
    images = {model.path: _images(model) for model in models} if FLAGS.on_device_accuracy else {}
    executables = [benchmark_binary(phone) for phone in phones]
    runs, failed = [], False
    for phone, executable in zip(phones, executables, strict=True):
        try:
            run = session.benchmark_phone(phone, models, cases, settings, executable, program.note)
        except (adb.PhoneError, ValueError) as error:
            if len(phones) == 1:
                raise
            program.note(f"error: {error}")
            failed = True
            continue
        run["settings"]["benchmark_sha256"] = binary.check(executable, None)
        if images and "error" not in run:
            _compare(phone, cases, images, executable, run)
        runs.append(run)
        failed |= "error" in run or any(result["error"] for result in run["results"])
    if runs:
        _finish(models, runs)
    return adb.FAILED_ON_PHONE if failed else 0


def phone_settings() -> session.PhoneSettings:
    """Returns how a phone is to be benchmarked, as the flags say."""
    return session.PhoneSettings(
        rounds=FLAGS.rounds,
        runs=FLAGS.runs or session.PhoneSettings.runs,
        cpus=FLAGS.cpus or session.PhoneSettings.cpus,
        cool_down=FLAGS.cool_down,
        timeout=FLAGS.timeout,
        profile=FLAGS.profile,
        app=FLAGS.app,
        libraries=tuple(FLAGS.benchmark_libraries),
    )


def benchmark_binary(phone: adb.Adb) -> pathlib.Path:
    """Returns the benchmark_model for a phone: the one given, or one that is downloaded."""
    if FLAGS.benchmark_binary:
        path = pathlib.Path(FLAGS.benchmark_binary)
        binary.check(path, FLAGS.benchmark_sha256)
        return path
    url = FLAGS.benchmark_url
    if not url:
        url = binary.benchmark_url(phone_facts(phone)["abi"], FLAGS.app)
    return binary.fetch(url, FLAGS.benchmark_sha256)


def _images(model):
    """Returns the pictures of --on_device_accuracy as a classifier takes them."""
    runner = TFLiteRunner(model.path)
    runner.classes  # noqa: B018  raises if it is no classifier
    preprocessing = preprocessing_of(model, runner, preprocessing_flags.given())
    pictures = list_pictures(FLAGS.data_dir, FLAGS.on_device_accuracy)
    return [preprocessing(picture.source) for picture in pictures]


def _compare(phone, cases, images, executable, run):
    """Compares the phone's outputs with this machine's, for every file and delegate."""
    run["on_device"] = []
    for case, model in cases:
        if case.threads != cases[0][0].threads:
            continue
        try:
            found = on_device.compare_with_desktop(
                phone,
                model,
                case,
                images[model.path],
                executable,
                FLAGS.benchmark_libraries,
                program.note,
            )
        except adb.PhoneError as error:
            run["error"] = str(error)
            return
        run["on_device"].append(found)
        print(
            f"{case} on the phone and here: the same best class on {found['top1']:.2%} of "
            f"{found['pictures']} pictures, {found['identical']:.2%} bit-identical, at most "
            f"{found['max_difference']:.3g} apart"
        )
        if "warning" in found:
            run["warnings"].append(found["warning"])


def _finish(models, runs):
    """Shows the tables and writes the result."""
    for run in runs:
        print(f"\n{run['device']['name']}\n\n{table(run)}")
        for warning in run["warnings"]:
            program.note(f"warning: {warning}")
        for result in run["results"]:
            if result["error"]:
                program.note(f"error: {result['model']}: {result['error']}")
        if "error" in run:
            program.note(f"error: {run['error']}")
    if FLAGS.json:
        write_json(FLAGS.json, document([model.facts() for model in models], runs))
        program.note(f"written to {FLAGS.json}")


if __name__ == "__main__":
    program.run(main)
