import csv
import ctypes
import json
import os
import socket

import numpy as np
import pytest

from keraslight.failures import Failure
from tests.training.program import TINY, outputs, start, summary
from training import distribution
from training.distribution import Devices, connect

EPOCHS = 3
# mixup mixes a batch with others where a process has only its own part of it
FLAGS = (
    *(
        "--set=mixup=0.0",
        "--set=ema=None",
        # RefCO has statistics of its own
        "--set=model_args={'dropout': 0.0, 'factorized': True}",
        f"--set=epochs={EPOCHS}",
    ),
    *(f"--recipe={TINY}", "--verbose=0"),
)


def run(pictures, folder, *arguments, **environment):
    """Returns a run as tests.training.side_by_side takes it."""
    return environment, [*FLAGS, *arguments, f"--data_dir={pictures}", f"--output_dir={folder}"]


def side_by_side(*runs, **environment):
    outputs(start("tests.training.side_by_side", json.dumps(runs), **environment))


def curve(folder):
    """Returns the losses of all epochs."""
    rows = list(csv.DictReader((folder / "log.csv").open()))
    assert len(rows) == EPOCHS
    return np.array([[float(row[name]) for name in ("loss", "minival_loss")] for row in rows])


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def workers(count):
    """Returns the environments of processes that work together."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(count)]
    for index in range(count):
        task = {"type": "worker", "index": index}
        yield {"TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": task})}


@pytest.mark.slow
def test_two_devices_and_two_processes_learn_what_one_does(pictures, tmp_path):
    one, two, both = (tmp_path / name for name in ("one", "two", "both"))
    side_by_side(
        run(pictures, one),
        run(pictures, two, "--strategy=mirrored", "--virtual_devices=2"),
        *(run(pictures, both, "--strategy=multi_worker", **each) for each in workers(2)),
    )
    np.testing.assert_allclose(curve(two), curve(one), atol=1e-3)
    np.testing.assert_allclose(curve(both)[:, 0], curve(one)[:, 0], atol=1e-3)
    # sums over processes are rounded otherwise, which moving statistics gather over all steps: the
    # loss by these was once 1.15e-3 apart
    np.testing.assert_allclose(curve(both)[:, 1], curve(one)[:, 1], rtol=5e-3)
    assert np.ptp(curve(one)[:, 0]) > 0.05


def test_jax_learns_on_two_devices_what_it_does_on_one_and_without_tensorflow(pictures, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    side_by_side(
        run(pictures, one),
        run(pictures, two, "--strategy=data_parallel", "--virtual_devices=2"),
        KERAS_BACKEND="jax",
        WITHOUT_TENSORFLOW="1",
    )
    np.testing.assert_allclose(curve(two), curve(one), atol=1e-3)
    assert np.ptp(curve(one)[:, 0]) > 0.05
    assert summary(one)["record"]["versions"]["backend"] == "jax"


def test_settings_that_do_not_fit_are_refused(monkeypatch):
    with pytest.raises(ValueError, match="must be one of"):
        connect("many")
    with pytest.raises(ValueError, match="needs KERAS_BACKEND=jax"):
        connect("data_parallel")
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(ValueError, match="needs the environment variable TF_CONFIG"):
        connect("multi_worker")
    assert type(connect("one_device")) is Devices


def test_a_worker_that_does_not_see_the_folder_says_so(tmp_path):
    devices = Devices()
    devices.worker, devices.workers = 1, 2
    with pytest.raises(ValueError, match="need the same --output_dir, on a file system"):
        distribution.require_shared_folder(devices, tmp_path)
    devices.worker = 0
    distribution.require_shared_folder(devices, tmp_path)
    devices.worker = 1
    distribution.require_shared_folder(devices, tmp_path)


def test_a_worker_left_alone_says_what_to_do():
    import tensorflow as tf

    devices = distribution.TensorFlowDevices(tf.distribute.OneDeviceStrategy("/cpu:0"))
    devices.workers = 2
    with pytest.raises(Failure, match="Start all workers again"), devices.errors():
        raise tf.errors.UnavailableError(None, None, "Connection reset by peer")


def test_a_worker_does_not_wait_for_the_others_for_ever(capfd):
    pid = os.fork()
    if pid == 0:
        with distribution.ended_after(0.2, "host0:2222"):
            # as TensorFlow does, it keeps all threads of Python from running
            ctypes.PyDLL(None).sleep(60)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    told = capfd.readouterr().err
    assert told.startswith("waiting for the other workers, 0 s at most")
    assert "start all of them with the same command. TF_CONFIG=host0:2222" in told
