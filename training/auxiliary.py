"""Networks that are trained with further classifiers on the way, as RepVGGplus is."""

import keras

import keraslight


class AuxiliaryModel(keras.Model):
    """A functional model whose first output counts, and whose others only help to train it.

    Args:
        inputs, outputs: as `keras.Model` takes them; the outputs are a list.
        weight: float, what the losses of the auxiliary outputs are multiplied with.
        **kwargs: as `keras.Model` takes them.
    """

    def __init__(self, inputs, outputs, weight: float = 0.1, **kwargs):
        super().__init__(inputs, outputs, **kwargs)
        self.weight = weight

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        losses = [
            super(AuxiliaryModel, self).compute_loss(x, y, output, sample_weight, training)
            for output in y_pred
        ]
        return losses[0] + self.weight * sum(losses[1:])

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y, y_pred[0], sample_weight)


def trainable_form(model: keras.Model, weight: float) -> keras.Model:
    """Returns what to train: the model itself, if it has no auxiliary outputs."""
    if len(model.outputs) == 1:
        return model
    return AuxiliaryModel(model.inputs, model.outputs, weight, name=model.name)


def without_auxiliary(model: keras.Model) -> keras.Model:
    """Returns the part of a model that makes its first output, with the same weights."""
    if len(model.outputs) == 1:
        return model
    main = keraslight.LightModel(model.inputs, model.outputs[0], name=model.name)
    main.architecture = dict(model.architecture)
    return main
