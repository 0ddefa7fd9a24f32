"""Training steps of VGNetG-1.0MP in Keras and in PyTorch, timed in turns."""

import multiprocessing
import os
import statistics
import time

CLASSES = 1000
LEARNING_RATE = 1e-3


def keras_steps(images, labels, threads):
    """Returns a function that does some training steps of keraslight's VGNetG."""
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    import tensorflow as tf

    import keraslight
    from keraslight.compat import build_loss_and_metrics
    from training.data.tf_dataset import fixed_parallelism
    from training.loop import jit_mode

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    model = keraslight.VGNetG(
        "1.0mp", input_shape=images.shape[1:], classes=CLASSES, classifier_activation=None
    )
    model.compile(
        keras.optimizers.SGD(LEARNING_RATE, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=jit_mode(),
    )
    # as training.task does
    build_loss_and_metrics(model, keras.KerasTensor(labels.shape))
    batch = tf.data.Dataset.from_tensors((tf.constant(images), tf.constant(labels))).cache()
    batches = batch.repeat().with_options(fixed_parallelism())

    def steps(count):
        # what fit() does beside the steps counts too
        model.fit(batches, steps_per_epoch=count, verbose=0)

    return steps


def torch_steps(images, labels, threads, channels_last):
    """Returns a function that does some training steps of the authors' VGNetG."""
    import torch

    from training.studies.speed.vgnet_torch import VGNetG

    torch.set_num_threads(threads)
    memory = torch.channels_last if channels_last else torch.contiguous_format
    model = VGNetG(CLASSES).to(memory_format=memory).train()
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, momentum=0.9)
    x = torch.tensor(images.transpose(0, 3, 1, 2)).contiguous(memory_format=memory)
    y = torch.tensor(labels)

    def steps(count):
        for _ in range(count):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()

    return steps


FORMS = {
    "Keras, TensorFlow": (keras_steps, {}),
    "PyTorch": (torch_steps, {"channels_last": False}),
    "PyTorch, channels last": (torch_steps, {"channels_last": True}),
}


def work(form, threads, batch, size, turns):
    """Does as many steps as it is told, again and again, and answers with the seconds."""
    import numpy as np

    random = np.random.default_rng(0)
    images = random.normal(size=(batch, size, size, 3)).astype("float32")
    labels = random.integers(0, CLASSES, batch)
    make, arguments = FORMS[form]
    do_steps = make(images, labels, threads, **arguments)
    while count := turns.recv():
        start = time.perf_counter()
        do_steps(count)
        turns.send(time.perf_counter() - start)


def measure(threads, batch, size, steps, rounds) -> tuple[list[dict], dict[str, float]]:
    """Returns the images per second of every form, round by round, and the first step's seconds."""
    context = multiprocessing.get_context("spawn")
    turns = {}
    for form in FORMS:
        turns[form], theirs = context.Pipe()
        arguments = (form, threads, batch, size, theirs)
        context.Process(target=work, args=arguments, daemon=True).start()
        theirs.close()  # so that the end of the process is seen

    def seconds(count):
        found = {}
        for form, pipe in turns.items():
            pipe.send(count)
            try:
                found[form] = pipe.recv()
            except EOFError as error:
                raise ValueError(f"The process that runs {form} ended; see above why.") from error
        return found

    # it compiles
    first = seconds(1)
    # this round fills caches and is not counted
    seconds(steps)
    found = [
        {form: steps * batch / spent for form, spent in seconds(steps).items()}
        for _ in range(rounds)
    ]
    for pipe in turns.values():
        pipe.send(0)
    return found, first


def summarize(rounds: list[dict[str, float]], first: dict[str, float]) -> dict:
    """Returns rates and ratios: medians, and the least and greatest of all rounds.

    Args:
        rounds: the images per second of every form, round by round.
        first: the seconds of the first step of every form.
    """

    def spread(values):
        found = {"median": statistics.median(values), "min": min(values), "max": max(values)}
        return {name: round(value, 3) for name, value in found.items()}

    ours, *others = FORMS
    return {
        "images_per_second": {form: spread([rates[form] for rates in rounds]) for form in FORMS},
        "ratio_of_keras_to": {
            form: spread([rates[ours] / rates[form] for rates in rounds]) for form in others
        },
        "first_step_seconds": {form: round(seconds, 2) for form, seconds in first.items()},
    }
