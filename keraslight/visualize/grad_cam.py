"""Grad-CAM: the regions of an image that a classifier uses."""

import functools
from typing import TYPE_CHECKING

import keras
import numpy as np

from keraslight.canvas import canvas
from keraslight.graph.copies import clone_with_weights
from keraslight.visualize.feature_maps import feature_maps
from keraslight.visualize.gradient import gradient

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def grad_cam(
    model: keras.Model, image, class_index: int | None = None, layer: str | None = None
) -> np.ndarray:
    """Returns a map of the regions of an image that raise the score of a class (Grad-CAM).

    Each channel of the last feature map is weighted by the mean gradient of the logit of the class.
    The map is the sum of the weighted channels. Negative values, which lower the score,
    are set to 0.

    Args:
        model: a functional or Sequential classifier with one output.
        image: array of shape `(height, width, channels)` as the model takes.
        class_index: optional int, the class. Defaults to the class that the model predicts.
        layer: optional name of the layer whose feature map is used. Defaults to the last layer with
            a feature map.

    Returns:
        An array of shape `(height, width)` with values between 0 and 1.

    Raises:
        ValueError: if the model is not such a classifier, or has no feature map, no such layer or
            no such class.
        RuntimeError: if the Keras backend computes no gradients.

    Example:
    >>> model = keraslight.VGNetG("1.0mp", input_shape=(64, 64, 3), classes=10)
    >>> keraslight.visualize.grad_cam(model, np.random.rand(64, 64, 3), class_index=3).shape
    (64, 64)

    Reference:
        Grad-CAM: Visual Explanations from Deep Networks via Gradient-based Localization, ICCV 2017
        (https://arxiv.org/abs/1610.02391).
    """
    if len(model.outputs) != 1 or len(model.outputs[0].shape) != 2:
        raise ValueError(
            "A classifier with one output of shape (batch, classes) is needed. "
            f"Received: model={model!r}"
        )
    model, maps = feature_maps(model, replace=functools.partial(_without_activation, model))
    maps = {name: output for name, output in maps.items() if _is_map(output)}
    layer = next(reversed(maps), None) if layer is None else layer
    if layer not in maps:
        raise ValueError(
            f"`layer` must be one with a feature map, of {list(maps)}. Received: layer={layer!r}"
        )
    logits = model.outputs[0]
    head = keras.Model(maps[layer], logits)
    body = keras.Model(model.inputs[0], [maps[layer], logits])
    image = np.asarray(image, "float32")
    features, scores = (keras.ops.convert_to_numpy(x) for x in body(image[None], training=False))
    class_index = int(scores[0].argmax()) if class_index is None else class_index
    if not 0 <= class_index < scores.shape[1]:
        raise ValueError(
            f"The model has {scores.shape[1]} classes. Received: class_index={class_index!r}"
        )
    slopes = gradient(lambda x: head(x, training=False)[0, class_index], features)
    heat = np.maximum((features * slopes.mean(axis=(1, 2), keepdims=True)).sum(axis=-1)[0], 0)
    heat = heat / max(heat.max(), 1e-12)
    heat = keras.ops.image.resize(
        heat[..., None], image.shape[:2], "bilinear", data_format="channels_last"
    )
    return np.clip(keras.ops.convert_to_numpy(heat)[..., 0], 0, 1)


def plot_grad_cam(
    model: keras.Model,
    image,
    class_index: int | None = None,
    layer: str | None = None,
) -> "Figure":
    """Draws an image, and a copy of it with the regions that raise the score of a class.

    Args:
        model: see `keraslight.visualize.grad_cam`.
        image: see there.
        class_index: see there.
        layer: see there.

    Returns:
        A matplotlib `Figure`; `figure.savefig(path)` saves it.

    Raises:
        ImportError: if matplotlib is not installed.
        ValueError: as `keraslight.visualize.grad_cam`.

    Example:
    >>> model = keraslight.VGNetG("1.0mp", input_shape=(64, 64, 3), classes=10)
    >>> figure = keraslight.visualize.plot_grad_cam(model, np.random.rand(64, 64, 3))
    >>> len(figure.axes)
    2
    """
    heat = grad_cam(model, image, class_index, layer)
    picture = np.asarray(image, "float32")
    picture = (picture - picture.min()) / max(np.ptp(picture), 1e-12)
    with canvas(6, 3.1) as figure:
        for axis in figure.subplots(1, 2):
            axis.imshow(picture, cmap="gray")
            axis.set_axis_off()
        axis.imshow(heat, cmap="magma", alpha=0.25 + 0.5 * heat, vmin=0, vmax=1)
    return figure


def _is_map(output):
    """Tells whether a layer's output is one feature map larger than a pixel."""
    shapes = [x.shape for x in keras.tree.flatten(output)]
    return len(shapes) == 1 and len(shapes[0]) == 4 and shapes[0][1:3] != (1, 1)


class _Logits(keras.layers.Layer):
    """Takes the place of an activation layer and returns its input."""

    def call(self, inputs, mask=None):
        return inputs


def _without_activation(model, layer):
    """Returns a layer; of the last layer, a copy without activation, whose gradient may vanish."""
    if layer is not model.layers[-1]:
        return layer
    if isinstance(layer, keras.layers.Activation | keras.layers.Softmax):
        return _Logits(name=layer.name)
    if isinstance(layer, keras.layers.Dense):
        return clone_with_weights(layer, layer.input.shape, activation=None)
    return layer
