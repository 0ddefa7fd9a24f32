"""Phones that are folders on this machine, and an adb command that talks to them.

Commands for a phone's shell run in the real shell here, its folders and its tools put in place of
this machine's. What adb says in each trouble was taken from real ones.
"""

import json
import os
import pathlib
import stat
import sys

ROOT = pathlib.Path(__file__).parents[2]
ADB = """#!{python} -IS
import json, os, pathlib, re, shutil, subprocess, sys, time

HOME = pathlib.Path({home!r})
ROOTS = ("/data/local/tmp", "/sys/devices/system/cpu")


def fail(message, code=1):
    print(message, file=sys.stderr)
    sys.exit(code)


def local(phone, text):
    for root in ROOTS:
        text = text.replace(root, str(phone) + root)
    return text


def state_of(serial):
    return json.loads((HOME / "devices.json").read_text()).get(serial)


def count(name):
    file = HOME / name
    number = int(file.read_text()) + 1 if file.exists() else 1
    file.write_text(str(number))
    return number


args = sys.argv[1:]
with (HOME / "calls.log").open("a") as log:
    log.write(json.dumps(args) + "\\n")
scenario = json.loads((HOME / "scenario.json").read_text())
if args[:1] == ["devices"]:
    print("List of devices attached")
    for serial, state in json.loads((HOME / "devices.json").read_text()).items():
        print(f"{{serial}}\\t{{state}}".strip())
    print()
    sys.exit(0)
assert args[0] == "-s", args
serial, command, *rest = args[1:]
if state_of(serial) is None:
    fail(f"error: device '{{serial}}' not found")
if state_of(serial) != "device":
    fail(f"error: device {{state_of(serial)}}.")
phone = HOME / serial
if command == "get-state":
    print("device")
elif command == "push":
    if scenario.get("no_space") and rest[0].endswith(".tflite"):
        fail(f"adb: error: failed to copy '{{rest[0]}}' to '{{rest[1]}}': remote write failed: "
             "No space left on device")
    source, target = pathlib.Path(rest[0]), pathlib.Path(local(phone, rest[1]))
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)
    print(f"{{rest[0]}}: 1 file pushed, 0 skipped. 31.5 MB/s")
elif command == "pull":
    source = pathlib.Path(local(phone, rest[0]))
    (shutil.copytree if source.is_dir() else shutil.copyfile)(source, rest[1])
elif command == "install":
    (phone / "installed").write_text("yes")
    print("Performing Streamed Install\\nSuccess")
elif command == "uninstall":
    (phone / "installed").unlink()
    print("Success")
elif command == "shell":
    if re.search(r"benchmark_model --graph", rest[0]):
        if count("runs") == scenario.get("lose_at"):
            devices = json.loads((HOME / "devices.json").read_text())
            del devices[serial]
            (HOME / "devices.json").write_text(json.dumps(devices))
            print("STARTING!")
            sys.exit(255)
    if scenario.get("keeps_folders") and "rm -rf" in rest[0]:
        print("rm: cannot remove: Operation not permitted\\nkeraslight exit:1")
        sys.exit(0)
    path = f"{{phone}}/bin:/usr/bin:/bin"
    done = subprocess.run(
        ["sh", "-c", local(phone, rest[0])], env={{**os.environ, "PATH": path, "PHONE": str(phone)}}
    )
    sys.exit(done.returncode)
else:
    fail(f"adb: unknown command {{command}}")
"""

BENCHMARK_MODEL = """#!{python} -IS
import os, pathlib, re, sys, time

FLAGS = {flags!r}
behaviour = {behaviour!r}
given = dict(arg[2:].split("=", 1) for arg in sys.argv[1:] if "=" in arg)
if "--help" in sys.argv:
    print("STARTING!")
    print("ERROR: usage: ./benchmark_model <flags>\\nFlags:", file=sys.stderr)
    for flag in FLAGS:
        print(f"\\t--{{flag}}=0\\tint32\\toptional\\tof no concern", file=sys.stderr)
    print("ERROR: Benchmarking failed.", file=sys.stderr)
    sys.exit(1)
unknown = set(given) - set(FLAGS)
assert not unknown, unknown
graph = given["graph"]
if behaviour.get("crash_on") and behaviour["crash_on"] in graph:
    print("STARTING!")
    sys.stdout.flush()
    os.kill(os.getpid(), 11)
if behaviour.get("garbage"):
    print("\\x00\\x01 not a report")
    sys.exit(0)
if behaviour.get("hang") or behaviour.get("hang_on", "no") in graph:
    with open(os.environ["PHONE"] + "/pids", "a") as file:
        print(os.getpid(), file=file)
    time.sleep(600)
if behaviour.get("fails"):
    print("ERROR: Benchmarking failed.")
if "output_filepath" in given:
    sys.path += {packages!r}
    import numpy as np
    from ai_edge_litert.interpreter import Interpreter

    content = pathlib.Path(given["input_layer_value_files"].split(":")[1]).read_bytes()
    shape = [int(n) for n in given["input_layer_shape"].split(",")]
    if behaviour.get("planted"):
        from tflite.studies.devices.planted import run

        codes = np.frombuffer(content, "int8").reshape(shape)
        outputs = run(behaviour["planted"], pathlib.Path(graph).read_bytes(), codes)
    else:
        model = Interpreter(graph)
        model.allocate_tensors()
        source = model.get_input_details()[0]
        model.set_tensor(source["index"], np.frombuffer(content, source["dtype"]).reshape(shape))
        model.invoke()
        outputs = [model.get_tensor(output["index"]) for output in model.get_output_details()]
    pathlib.Path(given["output_filepath"]).write_bytes(b"".join(y.tobytes() for y in outputs))
text = pathlib.Path({report!r}).read_text()
print(text)
if "true" in (given.get("enable_op_profiling"), given.get("use_profiler")):
    profile = pathlib.Path({profile!r}).read_text()
    file = given.get("op_profiling_output_file") or given.get("profiling_output_csv_file")
    pathlib.Path(file).write_text(profile) if file else print(profile)
"""

TOOLS = {
    "getprop": """cat <<END
[ro.product.manufacturer]: [Google]
[ro.product.model]: [Pixel 7]
[ro.soc.model]: [Tensor GS201]
[ro.board.platform]: [gs201]
[ro.product.cpu.abi]: [arm64-v8a]
[ro.build.version.release]: [14]
[ro.build.version.sdk]: [34]
[ro.build.fingerprint]: [google/panther/panther:14/UQ1A/1:user/release-keys]
END""",
    "dumpsys": """if [ "$1" = battery ]; then cat <<END
Current Battery Service state:
  AC powered: false
  USB powered: true
  level: 87
  temperature: 254
END
else cat <<END
IsStatusOverride: false
Thermal Status: 0
Cached temperatures:
	Temperature{mValue=99.0, mType=0, mName=CPU, mStatus=0}
HAL Ready: true
Current temperatures from HAL:
	Temperature{mValue=31.5, mType=3, mName=SKIN, mStatus=0}
	Temperature{mValue=45.2, mType=0, mName=CPU, mStatus=0}
Current cooling devices from HAL:
	CoolingDevice{mValue=0, mType=2, mName=TYPE_CPU}
END
fi""",
    "taskset": 'echo "$1" >> "$PHONE/masks"; shift; exec "$@"',
    # ends what the phone runs, and nothing of this machine
    "pkill": """cat "$PHONE"/pids 2>/dev/null | while read p; do
    tr '\\0' ' ' < /proc/$p/cmdline | grep -qE "$3" && kill -9 "$p"
done 2>/dev/null; true""",
    "pm": 'test -f "$PHONE/installed" && echo package:org.tensorflow.lite.benchmark; true',
    "pidof": 'cat "$PHONE/app_pid" 2>/dev/null',
    "logcat": 'cat "$PHONE/log" 2>/dev/null; true',
    "am": """if [ "$1" = force-stop ]; then rm -f "$PHONE/app_pid"; exit 0; fi
echo "$@" >> "$PHONE/intents"
echo 4711 > "$PHONE/app_pid"
sed 's/^/06-01 12:00:00.123  4711  4711 I tflite  : /' "$REPORT" > "$PHONE/whole"
# the log grows while the app runs
head -n 8 "$PHONE/whole" > "$PHONE/log"
(sleep 0.5; cp "$PHONE/whole" "$PHONE/log") > /dev/null 2>&1 &
echo "Status: ok"
""",
}
CPU_KHZ = (1803000,) * 4 + (2348000,) * 2 + (2850000,) * 2
CLASSIC_FLAGS = (
    *("graph", "num_threads", "num_runs", "min_secs", "warmup_runs", "warmup_min_secs"),
    *("use_xnnpack", "use_gpu", "use_nnapi", "enable_op_profiling", "op_profiling_output_mode"),
    *("op_profiling_output_file", "input_layer", "input_layer_shape", "input_layer_value_files"),
    "output_filepath",
)
LITERT_FLAGS = (
    *("graph", "num_threads", "num_runs", "min_secs", "use_cpu", "use_gpu", "use_npu"),
    "use_profiler",
)


class FakePhones:
    """Phones in a folder.

    Args:
        home: path of the folder.
        states: dict from serial numbers to what adb says of their state.
        scenario: dict of what adb is to do wrong.
    """

    def __init__(self, home: pathlib.Path, states: dict, **scenario):
        self.home = home
        (home / "devices.json").write_text(json.dumps(states))
        (home / "scenario.json").write_text(json.dumps(scenario))
        (home / "calls.log").write_text("")
        (home / "path").mkdir()
        write_executable(home / "path/adb", ADB.format(python=sys.executable, home=str(home)))
        for serial in states:
            self._make(home / serial)

    def _make(self, phone):
        (phone / "data/local/tmp").mkdir(parents=True)
        (phone / "bin").mkdir()
        for name, script in TOOLS.items():
            write_executable(phone / "bin" / name, f"#!/bin/sh\n{script}\n")
        for number, khz in enumerate(CPU_KHZ):
            folder = phone / f"sys/devices/system/cpu/cpu{number}/cpufreq"
            folder.mkdir(parents=True)
            (folder / "cpuinfo_max_freq").write_text(f"{khz}\n")
            (folder / "scaling_max_freq").write_text(f"{khz}\n")
            (folder / "scaling_governor").write_text("sched_pixel\n")

    def environment(self) -> dict:
        """Returns the environment in which `adb` is the command that talks to these phones."""
        path = f"{self.home / 'path'}{os.pathsep}{os.environ['PATH']}"
        # of the backends, NumPy starts fastest
        return {
            "PATH": path,
            "REPORT": str(self.home / "report.txt"),
            "KERAS_BACKEND": "numpy",
        }

    def tool(self, report: str, flags=CLASSIC_FLAGS, profile: str = "", **behaviour) -> str:
        """Writes a benchmark_model for these phones that prints a report; returns its path."""
        (self.home / "report.txt").write_text(report)
        (self.home / "profile.txt").write_text(profile)
        path = self.home / "benchmark_model"
        text = BENCHMARK_MODEL.format(
            python=sys.executable,
            packages=[*sys.path, str(ROOT)],
            flags=list(flags),
            behaviour=behaviour,
            report=str(self.home / "report.txt"),
            profile=str(self.home / "profile.txt"),
        )
        write_executable(path, text)
        return str(path)

    def calls(self) -> list[list[str]]:
        """Returns every call of adb."""
        return [json.loads(line) for line in (self.home / "calls.log").read_text().splitlines()]

    def left_on(self, serial: str) -> list[str]:
        """Returns the names of what is in a phone's folder for temporary files."""
        return [path.name for path in (self.home / serial / "data/local/tmp").iterdir()]


def write_executable(path: pathlib.Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
