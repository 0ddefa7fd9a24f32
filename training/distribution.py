"""One device, many, or many machines: who takes which rows of a batch."""

import contextlib
import faulthandler
import os
import pathlib
import sys
from collections.abc import Callable, Iterator

import keras

from keraslight.compat import inner_layers
from keraslight.failures import Failure

STRATEGIES = ("one_device", "mirrored", "multi_worker", "tpu", "data_parallel")


class Devices:
    """The one device of this process; the base of those that share their work.

    Attributes:
        worker, workers: int, this process and how many there are.
        replicas: int, the number of devices over all processes.
    """

    worker = 0
    workers = 1
    replicas = 1

    @property
    def writes(self) -> bool:
        """Whether it is this process that writes the files."""
        return self.worker == 0

    def scope(self):
        """Returns the context to make a model in."""
        return contextlib.nullcontext()

    def distribute(self, make_dataset: Callable, batch_size: int):
        """Returns batches as `fit()` takes them.

        Args:
            make_dataset: function from a worker and the number of workers to the batches of this
                worker's rows.
            batch_size: int, the number of rows of all workers.
        """
        return make_dataset(self.worker, self.workers)

    def barrier(self) -> None:
        """Waits until all processes have come here."""

    def errors(self):
        """Returns the context that says what to do when another process has ended."""
        return contextlib.nullcontext()

    def synchronize_norms(self, model: keras.Model) -> None:
        """Lets every normalization take its statistics from all rows of a batch."""


class TensorFlowDevices(Devices):
    """The devices of a tf.distribute strategy.

    Args:
        strategy: a `tf.distribute.Strategy`.
    """

    def __init__(self, strategy):
        self.strategy = strategy
        self.replicas = strategy.num_replicas_in_sync
        cluster = strategy.cluster_resolver
        if cluster is not None and cluster.task_type == "worker":
            self.worker = cluster.task_id
            self.workers = len(cluster.cluster_spec().as_dict()["worker"])

    def scope(self):
        return self.strategy.scope()

    def distribute(self, make_dataset, batch_size):
        if batch_size % self.replicas:
            raise ValueError(
                "Every device must get as many examples of a batch. Received: "
                f"batch_size={batch_size}, {self.replicas} devices"
            )
        from training.data.tf_dataset import as_tf_dataset

        per_replica = batch_size // self.replicas
        return self.strategy.distribute_datasets_from_function(
            lambda context: as_tf_dataset(make_dataset(self.worker, self.workers)).rebatch(
                per_replica
            )
        )

    def barrier(self):
        import tensorflow as tf

        if self.workers > 1:
            self.strategy.reduce("SUM", self.strategy.run(lambda: tf.ones(())), axis=None)

    @contextlib.contextmanager
    def errors(self):
        import tensorflow as tf

        try:
            yield
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as e:
            if self.workers == 1:
                raise
            raise Failure(
                "Another worker has ended, or cannot be reached. Start all workers again with the "
                "same command, at about the same time: they go on from the newest checkpoint. "
                f"Received: worker {self.worker} of {self.workers}, {str(e).splitlines()[0]}"
            ) from e

    def synchronize_norms(self, model):
        for layer in inner_layers(model):
            # BatchNormalization of Keras, and the normalized branches of RefCO
            if hasattr(layer, "synchronized"):
                layer.synchronized = True


def require_shared_folder(devices: Devices, folder: pathlib.Path) -> None:
    """Refuses to go on unless all workers see the folder that one writes to.

    Raises:
        ValueError: if this worker does not.
    """
    if devices.workers == 1:
        return
    sign = folder / ".seen_by_all_workers"
    if devices.writes:
        sign.touch()
    devices.barrier()
    if not sign.exists():
        raise ValueError(
            "All workers need the same --output_dir, on a file system that they share: worker 0 "
            "writes the checkpoints and all go on from them. Received: "
            f"output_dir='{folder}', which worker {devices.worker} does not share with worker 0"
        )


def connect(
    strategy: str, tpu: str = "local", virtual_devices: int = 1, timeout: float = 300.0
) -> Devices:
    """Finds the devices and gets them ready, before anything else is computed.

    Args:
        strategy: one of `STRATEGIES`: `"mirrored"` takes all GPUs of this machine,
            `"multi_worker"` those of all machines in the environment variable TF_CONFIG, `"tpu"`
            the named TPU; `"data_parallel"` all that JAX sees.
        tpu: name of the TPU.
        virtual_devices: int, into how many devices to split the CPU, to try things out.
        timeout: float, seconds that `"multi_worker"` waits for the other workers; then the process
            ends.

    Returns:
        A `Devices`.

    Raises:
        ValueError: if the strategy is not one of the backend in use, or lacks its settings.
    """
    if strategy not in STRATEGIES:
        raise ValueError(f"`strategy` must be one of {STRATEGIES}. Received: {strategy!r}")
    backend = keras.backend.backend()
    if strategy == "one_device":
        return Devices()
    needed = "jax" if strategy == "data_parallel" else "tensorflow"
    if backend != needed:
        raise ValueError(
            f"The strategy needs KERAS_BACKEND={needed}. Received: strategy={strategy!r} on the "
            f"backend {backend}"
        )
    if strategy == "data_parallel":
        return _data_parallel(virtual_devices)
    import tensorflow as tf

    if strategy == "tpu":
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return TensorFlowDevices(tf.distribute.TPUStrategy(resolver))
    if virtual_devices > 1:
        device = tf.config.LogicalDeviceConfiguration()
        tf.config.set_logical_device_configuration(
            tf.config.list_physical_devices("CPU")[0], [device] * virtual_devices
        )
    if strategy == "mirrored":
        kind = "GPU" if tf.config.list_physical_devices("GPU") else "CPU"
        names = [device.name for device in tf.config.list_logical_devices(kind)]
        return TensorFlowDevices(tf.distribute.MirroredStrategy(names))
    if "TF_CONFIG" not in os.environ:
        raise ValueError(
            "Training on several machines needs the environment variable TF_CONFIG, such as "
            '{"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", '
            '"index": 0}}. Received: none'
        )
    with ended_after(timeout, os.environ["TF_CONFIG"]):
        return TensorFlowDevices(_multi_worker_strategy())


@contextlib.contextmanager
def ended_after(timeout: float, workers: str) -> Iterator[None]:
    """Says what a worker waits for, and ends the process with exit code 1 if that does not come.

    Args:
        timeout: float, seconds.
        workers: str, the workers.
    """
    print(
        f"waiting for the other workers, {timeout:.0f} s at most (--connect_timeout), then this "
        "one ends with exit code 1. A worker that was ended can only join the others when they "
        f"start again too: start all of them with the same command. TF_CONFIG={workers}",
        file=sys.stderr,
        flush=True,
    )
    with open(os.devnull, "w") as nowhere:
        # TensorFlow waits in a call that holds the lock of Python: no thread of Python runs
        faulthandler.dump_traceback_later(timeout, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()


def _multi_worker_strategy():
    """Returns a strategy that Keras can train with.

    Keras (3.15 and before, https://github.com/keras-team/keras/issues/20585) has several workers
    reduce whole structures, and scalars along an axis they do not have; both fail.
    """
    import tensorflow as tf

    class MultiWorkerStrategy(tf.distribute.MultiWorkerMirroredStrategy):
        def reduce(self, reduce_op, value, axis):
            reduce_leaf = super().reduce

            def reduce(leaf):
                scalar = self.experimental_local_results(leaf)[0].shape.rank == 0
                return reduce_leaf(reduce_op, leaf, None if scalar else axis)

            return tf.nest.map_structure(reduce, value)

    return MultiWorkerStrategy()


def _data_parallel(virtual_devices):
    import jax

    if virtual_devices > 1:
        jax.config.update("jax_num_cpu_devices", virtual_devices)
    distribution = keras.distribution.DataParallel()
    keras.distribution.set_distribution(distribution)
    devices = Devices()
    devices.replicas = jax.device_count()
    return devices
