"""The optimizer of a recipe."""

import keras

import keraslight
from training.model_parts import sublayers
from training.recipe import Recipe


@keras.saving.register_keras_serializable("keraslight.training")
class L2SGD(keras.optimizers.SGD):
    """SGD whose weight decay is added to the gradient, as papers and PyTorch have it.

    With a momentum of 0.9 this decays ten times as fast as the decoupled decay of
    `keras.optimizers.SGD`.

    Args:
        l2: float, what the weights are multiplied with before they join their gradients.
        **kwargs: the arguments of `keras.optimizers.SGD`.
    """

    def __init__(self, learning_rate=0.01, l2: float = 0.0, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.l2 = l2
        self.decayed = frozenset()

    def update_step(self, gradient, variable, learning_rate):
        if variable.path in self.decayed:
            gradient = gradient + self.l2 * keras.ops.cast(variable, gradient.dtype)
        super().update_step(gradient, variable, learning_rate)

    def get_config(self):
        return {**super().get_config(), "l2": self.l2}


def build_optimizer(
    recipe: Recipe, model: keras.Model, steps_per_epoch: int, accumulate: int = 1
) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a recipe for a model.

    Args:
        recipe: a `Recipe`.
        model: the model to train.
        steps_per_epoch: int, updates per epoch.
        accumulate: int, how many batches share one update.

    Returns:
        A `keras.optimizers.Optimizer`.
    """
    arguments = {
        # Keras's schedules count batches, not updates
        "learning_rate": learning_rate(recipe, steps_per_epoch * accumulate),
        "global_clipnorm": recipe.clip_norm,
        "gradient_accumulation_steps": accumulate if accumulate > 1 else None,
    }
    if recipe.ema is not None:
        # and so does its moving average
        arguments.update(use_ema=True, ema_momentum=recipe.ema ** (1 / accumulate))
    decayed = decayed_variables(model)
    if recipe.optimizer == "sgd":
        optimizer = L2SGD(
            l2=recipe.weight_decay,
            momentum=recipe.momentum,
            nesterov=recipe.nesterov,
            **arguments,
        )
        optimizer.decayed = frozenset(variable.path for variable in decayed)
        return optimizer
    optimizer = keras.optimizers.AdamW(weight_decay=recipe.weight_decay, **arguments)
    kept = {id(variable) for variable in decayed}
    optimizer.exclude_from_weight_decay(
        var_list=[v for v in model.trainable_variables if id(v) not in kept]
    )
    return optimizer


def learning_rate(recipe: Recipe, steps_per_epoch: int):
    """Returns the learning rate schedule of a recipe."""
    warmup = round(recipe.warmup_epochs * steps_per_epoch)
    if recipe.schedule == "exponential":
        return keras.optimizers.schedules.ExponentialDecay(
            recipe.learning_rate, steps_per_epoch, recipe.decay_rate, staircase=True
        )
    return keras.optimizers.schedules.CosineDecay(
        # the first step of a warm-up from 0 would change nothing
        recipe.learning_rate / warmup if warmup else recipe.learning_rate,
        recipe.epochs * steps_per_epoch - warmup,
        alpha=recipe.final_learning_rate / recipe.learning_rate,
        warmup_target=recipe.learning_rate if warmup else None,
        warmup_steps=warmup,
    )


def decayed_variables(model: keras.Model) -> list:
    """Returns the variables that weight decay applies to.

    These are all kernels; vectors (biases, gamma and beta of normalizations) are left out, but for
    the gamma of RepVGG's identity branches, which stands for a kernel.
    """
    variables = [v for v in model.trainable_variables if len(v.shape) > 1]
    for layer in sublayers(model):
        if isinstance(layer, keraslight.layers.RepVGGBlock) and layer.identity_norm is not None:
            variables.append(layer.identity_norm.gamma)
    return variables
