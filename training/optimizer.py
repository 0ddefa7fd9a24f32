"""The optimizer of a recipe."""

import keras

import keraslight
from keraslight.compat import inner_layers
from training.recipe import Recipe

# names of variables that do not decay, matrices among them too
NOT_DECAYED = ("bias", "gamma", "beta")


def build_optimizer(
    recipe: Recipe, model: keras.Model, steps_per_epoch: int, accumulate: int = 1
) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a recipe for a model, and lets the model's kernels decay.

    Args:
        recipe: a `Recipe`.
        model: the model to train.
        steps_per_epoch: int, updates per epoch.
        accumulate: int, how many batches share one update.

    Returns:
        A `keras.optimizers.Optimizer`.
    """
    arguments = {
        "learning_rate": PerUpdate(learning_rate(recipe, steps_per_epoch), accumulate),
        "global_clipnorm": recipe.clip_norm,
        "gradient_accumulation_steps": accumulate if accumulate > 1 else None,
    }
    if recipe.ema is not None:
        # Keras averages at every batch, not at every update
        arguments.update(use_ema=True, ema_momentum=recipe.ema ** (1 / accumulate))
    decayed = decayed_variables(model)
    if recipe.optimizer == "sgd":
        # the decay of Keras's optimizers is decoupled, which with a momentum of 0.9 is a tenth of
        # what papers and PyTorch mean: a decay that joins the gradient
        for variable in decayed:
            variable.regularizer = keras.regularizers.L2(recipe.weight_decay / 2)
        return keras.optimizers.SGD(momentum=recipe.momentum, nesterov=recipe.nesterov, **arguments)
    optimizer = keras.optimizers.AdamW(weight_decay=recipe.weight_decay, **arguments)
    kept = {id(variable) for variable in decayed}
    optimizer.exclude_from_weight_decay(
        var_list=[v for v in model.trainable_variables if id(v) not in kept]
    )
    return optimizer


class PerUpdate(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule by updates, where Keras counts batches.

    Keras asks for the learning rate once for each variable that decays. In a graph of TensorFlow
    it is computed once: writing it again for each takes a seventh of the time that the first step
    of VGNetG is traced.

    Args:
        schedule: the schedule.
        accumulate: int, how many batches share one update.
    """

    def __init__(self, schedule, accumulate: int):
        super().__init__()
        self.schedule = schedule
        self.accumulate = accumulate
        self.graph = self.rate = None

    def __call__(self, step):
        graph = graph_under_construction()
        if graph is None:
            return self.schedule(step // self.accumulate)
        if graph is not self.graph:
            self.graph, self.rate = graph, self.schedule(step // self.accumulate)
        return self.rate

    def get_config(self):
        return {"schedule": self.schedule, "accumulate": self.accumulate}


def graph_under_construction():
    """Returns the graph of TensorFlow that is being traced; `None` if there is none."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()


class Warmup(keras.optimizers.schedules.LearningRateSchedule):
    """A linear rise to the beginning of another schedule.

    Args:
        schedule: the schedule that follows.
        peak: float, the learning rate that it begins with.
        steps: int, positive, how many updates the rise takes. The first has `peak / steps`: from 0
            it would change nothing.
    """

    def __init__(self, schedule, peak: float, steps: int):
        super().__init__()
        self.schedule = schedule
        self.peak = peak
        self.steps = steps

    def __call__(self, step):
        ops = keras.ops
        step = ops.cast(step, "float32")
        first = self.peak / self.steps
        rising = first + (self.peak - first) * step / self.steps
        after = self.schedule(ops.maximum(step - self.steps, 0))
        return ops.where(step < self.steps, rising, after)

    def get_config(self):
        return {"schedule": self.schedule, "peak": self.peak, "steps": self.steps}


def learning_rate(recipe: Recipe, steps_per_epoch: int):
    """Returns the learning rate schedule of a recipe, by updates."""
    warmup = round(recipe.warmup_epochs * steps_per_epoch)
    peak = recipe.learning_rate
    if recipe.schedule == "exponential":
        schedule = keras.optimizers.schedules.ExponentialDecay(
            peak, steps_per_epoch, recipe.decay_rate, staircase=True
        )
    elif recipe.schedule == "step":
        epochs = recipe.decay_epochs
        schedule = keras.optimizers.schedules.PiecewiseConstantDecay(
            # it changes after its boundary, the step before an epoch begins
            [epoch * steps_per_epoch - 1 for epoch in epochs],
            [peak * recipe.decay_rate**passed for passed in range(len(epochs) + 1)],
        )
    else:
        schedule = keras.optimizers.schedules.CosineDecay(
            peak, recipe.epochs * steps_per_epoch - warmup, recipe.final_learning_rate / peak
        )
    return Warmup(schedule, peak, warmup) if warmup else schedule


def decayed_variables(model: keras.Model) -> list:
    """Returns the variables that weight decay applies to.

    These are all kernels. Biases, and gamma and beta of normalizations, are left out, those of
    RefCO's branches too, which are matrices. The gamma of RepVGG's identity branches decays: it
    stands for a kernel.
    """
    variables = [
        v for v in model.trainable_variables if len(v.shape) > 1 and v.name not in NOT_DECAYED
    ]
    for layer in inner_layers(model):
        if isinstance(layer, keraslight.layers.RepVGGBlock):
            # QARepVGG's identity has no normalization
            norm = getattr(layer, "identity_norm", None)
            variables += [] if norm is None else [norm.gamma]
    return variables
