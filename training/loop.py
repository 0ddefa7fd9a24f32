"""The training run: fit(), as often as the pictures change their size or the run was stopped."""

import dataclasses
import pathlib
import time
from collections.abc import Callable

import keras

from keraslight.commands.program import note
from keraslight.compat import count_names_anew
from training.callbacks import BEST, CHECKPOINTS, Checkpoints, StopAtNaN, Throughput, begun
from training.checkpoint import read_state, restore
from training.data import batches
from training.data.data import Data
from training.distribution import Devices
from training.optimizer import build_optimizer
from training.recipe import Recipe
from training.run_file import MAY_BE_CHANGED, RunFile, network_facts, plain

MEASURED_STEPS = 16


@dataclasses.dataclass(frozen=True)
class Options:
    """How a run is carried out; what it computes is the recipe's.

    Attributes:
        seed: int.
        save_every: optional int, steps between two checkpoints.
        accumulate: int, steps that share one update.
        steps_per_execution: int, as in `keras.Model.compile`.
        synchronize_norms: bool, whether normalizations take their statistics from the batch of all
            devices, so that a recipe computes the same on any number of them.
        jit: `True`, `False` or `"auto"`, as in `keras.Model.compile`.
        tensorboard: bool, whether to write logs for TensorBoard.
        verbose: as in `keras.Model.fit`.
        change: bool, whether to go on with a run by other values of what `training.run_file` lists
            as `MAY_BE_CHANGED`.
        notes: dict for JSON, written into run.json besides what is compared.
    """

    seed: int = 0
    save_every: int | None = None
    accumulate: int = 1
    steps_per_execution: int = 1
    synchronize_norms: bool = True
    jit: bool | str = "auto"
    tensorboard: bool = False
    verbose: int = 1
    change: bool = False
    notes: dict = dataclasses.field(default_factory=dict)


def train(
    build: Callable[[tuple], keras.Model],
    recipe: Recipe,
    data: Data,
    folder: pathlib.Path,
    options: Options,
) -> tuple[keras.Model, dict]:
    """Trains a model, from the newest checkpoint in the folder if there is one.

    Args:
        build: function from an input shape to the untrained model.
        recipe: a `Recipe`.
        data: its pictures.
        folder: path of the run's folder, which exists.
        options: an `Options`.

    Returns:
        The model for pictures of `recipe.image_size`, and the progress of the run. The model has
        the weights that were best on the pictures held out of the training; without such pictures,
        the last.

    Raises:
        ValueError: if the folder holds another run.
        NotFinite: if the loss or a weight is not finite.
        OSError: if the last checkpoint could not be written.
    """
    devices, steps_per_epoch = data.devices, data.order.steps_per_epoch

    def fixed_copy(model):
        policy = keras.config.dtype_policy()
        keras.config.set_dtype_policy("float32")
        copy = build((recipe.image_size, recipe.image_size, 3))
        keras.config.set_dtype_policy(policy)
        copy.set_weights(model.get_weights())
        return recipe.task.deployed(copy)

    run_file = input_rate = None
    while True:
        state = read_state(folder / CHECKPOINTS)
        progress = begun(state, options.accumulate)
        with devices.scope():
            model, network = _compiled(build, recipe, data, options)
            if run_file is None:
                step = progress["step"] if state else None
                now = facts(recipe, data, options, network)
                run_file = RunFile(
                    folder, now, step, options.change, options.notes, recipe_defaults(recipe)
                )
                changed = any(change["name"] in MAY_BE_CHANGED for change in run_file.changes)
                _tell(run_file, progress, recipe.epochs * steps_per_epoch, devices)
            if state:
                restore(model, state, options.accumulate)
        part = next_part(recipe, steps_per_epoch, progress["step"])
        if part is not None and changed:
            # best.keras may be of a training that the run has turned away from
            progress.update(best=None, best_epoch=None)
            changed = False
        if part is None:
            # puts the averaged weights in place, if there are any
            model.optimizer.finalize_variable_values(model.trainable_variables)
            model = fixed_copy(model)
            if progress["best"] is not None:
                model.load_weights(folder / BEST)
            return model, progress
        if input_rate is None:
            input_rate = measure_input(data, recipe.image_size)
        epochs, steps, size = part
        checkpoints = Checkpoints(
            folder,
            progress,
            steps_per_epoch,
            options.save_every,
            fixed_copy,
            recipe.task.chosen_by,
            run_file.write,
            devices.writes,
        )
        chooses = data.choose_source is not None
        model.fit(
            data.train(steps, size),
            initial_epoch=epochs.start,
            epochs=epochs.stop,
            steps_per_epoch=len(steps) // len(epochs),
            validation_data=data.choose() if chooses else None,
            validation_steps=data.choose_steps if chooses else None,
            validation_freq=evaluated_epochs(recipe),
            shuffle=False,
            verbose=options.verbose if devices.writes else 0,
            callbacks=_callbacks(recipe, data, folder, options, checkpoints, size, input_rate),
        )
        # all go on from the file that one has written
        devices.barrier()
        if checkpoints.saved < steps.stop:
            raise OSError(f"No checkpoint of step {steps.stop} could be written to '{folder}'.")


def facts(recipe: Recipe, data: Data, options: Options, network: dict) -> dict:
    """Returns what decides what a run computes, see `training.run_file`."""
    return {
        "recipe": plain(dataclasses.asdict(recipe)),
        "seed": options.seed,
        "data": plain(data.fingerprint()),
        "network": network,
        "input": {"version": batches.VERSION},
        "settings": {
            "accumulate": options.accumulate,
            "backend": keras.backend.backend(),
            "devices": data.devices.replicas,
            "mixed_precision": keras.config.dtype_policy().name,
            "synchronize_norms": options.synchronize_norms,
        },
    }


def recipe_defaults(recipe: Recipe) -> dict:
    """Returns the settings of a kind of recipe that have a default, as `plain` returns values."""
    fields = dataclasses.fields(recipe)
    return {f.name: plain(f.default) for f in fields if f.default is not dataclasses.MISSING}


def _tell(run_file, progress, steps, devices):
    if not devices.writes or not progress["step"]:
        return
    note(f"going on from step {progress['step']} of {steps}")
    for change in run_file.changes:
        note(f"changed: {change['name']} from {change['before']} to {change['now']}")


def _compiled(build, recipe, data, options):
    """Returns the model of the training, compiled, and what tells its network from others."""
    sizes = {size for _, size in recipe.train_sizes} | {recipe.image_size}
    side = recipe.image_size if len(sizes) == 1 else None
    # the names of the variables are those in the checkpoints
    count_names_anew()
    keras.utils.set_random_seed(options.seed)
    model = build((side, side, 3))
    network = network_facts(model)
    model = recipe.task.trainable(with_float32_outputs(model), recipe)
    if options.synchronize_norms:
        data.devices.synchronize_norms(model)
    updates = data.order.steps_per_epoch // options.accumulate
    recipe.task.compile(
        model,
        recipe,
        optimizer=build_optimizer(recipe, model, updates, options.accumulate),
        jit_compile=jit_mode(options.jit),
        steps_per_execution=options.steps_per_execution,
    )
    # built within fit(), its variables would have other names in half precision
    model.optimizer.build(model.trainable_variables)
    return model, network


def next_part(recipe: Recipe, steps_per_epoch: int, step: int):
    """Returns what one call of fit() can do next.

    Args:
        recipe: a `Recipe`.
        steps_per_epoch: int.
        step: int, how many steps are done.

    Returns:
        The range of epochs, that of steps, and the size of the pictures; `None` at the end.
    """
    end = 0
    for epochs, size in recipe.train_sizes:
        end += epochs
        epoch, done = divmod(step, steps_per_epoch)
        if epoch < end:
            # the rest of an epoch that was interrupted is a part of its own
            stop = epoch + 1 if done else end
            return range(epoch, stop), range(step, stop * steps_per_epoch), size
    return None


def with_float32_outputs(model: keras.Model) -> keras.Model:
    """Returns a model whose loss and metrics are not computed in half precision."""
    if all(output.dtype == "float32" for output in model.outputs):
        return model
    cast = keras.layers.Activation("linear", dtype="float32", name="float32")
    outputs = keras.tree.map_structure(cast, model.output)
    return keras.Model(model.inputs, outputs, name=model.name)


def evaluated_epochs(recipe: Recipe) -> list[int]:
    """Returns the epochs, counted from 1, that end with an evaluation."""
    return sorted(
        {*range(recipe.evaluate_every, recipe.epochs, recipe.evaluate_every), recipe.epochs}
    )


def measure_input(data: Data, size: int) -> float:
    """Returns how many examples in a second the input alone makes, while nothing else runs."""
    data = dataclasses.replace(data, devices=Devices())
    steps = range(min(MEASURED_STEPS, data.order.steps_per_epoch))
    batches = iter(data.train(steps, size))
    next(batches)
    start = time.perf_counter()
    rest = sum(1 for _ in batches)
    return rest * data.order.batch_size / (time.perf_counter() - start)


def jit_mode(jit: bool | str = "auto") -> bool | str:
    """Returns the `jit_compile` to compile a model with."""
    if jit == "auto" and keras.backend.backend() == "tensorflow" and not _has_accelerator():
        # XLA on a CPU trains these networks several times slower
        return False
    return jit


def _has_accelerator():
    import tensorflow as tf

    return bool(tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("TPU"))


def _callbacks(recipe, data, folder, options, checkpoints, size, input_rate):
    local = dataclasses.replace(data, devices=Devices())
    callbacks = [
        StopAtNaN(folder, checkpoints, lambda steps: local.train(steps, size)),
        Throughput(data.order.batch_size, input_rate),
        checkpoints,
    ]
    if recipe.ema is not None:
        callbacks.append(keras.callbacks.SwapEMAWeights())
    if options.tensorboard:
        callbacks.append(
            keras.callbacks.TensorBoard(folder / "tensorboard", write_graph=False, update_freq=100)
        )
    return callbacks
