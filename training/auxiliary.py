"""Networks that are trained with further classifiers on the way, as RepVGGplus is."""

import keras


class AuxiliaryModel(keras.Model):
    """A functional model whose first output counts, and whose others only help to train it.

    Args:
        inputs, outputs: as `keras.Model` takes them; the outputs are a list.
        weight: float, what the losses of the auxiliary outputs are multiplied with.
        loss: a `keras.losses.Loss`, theirs.
        **kwargs: as `keras.Model` takes them.
    """

    def __init__(self, inputs, outputs, weight: float, loss: keras.losses.Loss, **kwargs):
        super().__init__(inputs, outputs, **kwargs)
        self.weight = weight
        self.auxiliary_loss = loss

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred[0], sample_weight, training)
        for output in y_pred[1:]:
            loss = loss + self.weight * self.auxiliary_loss(y, output, sample_weight)
        return loss

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        return super().compute_metrics(x, y, y_pred[0], sample_weight)


def trainable_form(model: keras.Model, weight: float, loss: keras.losses.Loss) -> keras.Model:
    """Returns what to train: the model itself, if it has no auxiliary outputs."""
    if len(model.outputs) == 1:
        return model
    return AuxiliaryModel(model.input, model.outputs, weight, loss, name=model.name)


def without_auxiliary(model: keras.Model) -> keras.Model:
    """Returns the part of a model that makes its first output, with the same weights."""
    if len(model.outputs) == 1:
        return model
    return model.with_outputs(model.outputs[0], model.name)
