"""The losses of a detector, for the targets of `keraslight.boxes.training_targets`.

Every target has one column more than the output: the weight of the anchor. It is one over the
number of anchors that learn an object, or 0 for anchors that learn nothing. A loss sums over the
anchors of a picture; Keras takes the mean over the pictures.
"""

import keras
from keras import ops


class AnchorLoss(keras.losses.Loss):
    """The base: splits the weight off the targets, and multiplies the loss by `weight`."""

    def __init__(self, weight: float = 1.0, name=None, **kwargs):
        super().__init__(name=name or type(self).__name__, **kwargs)
        self.weight = weight

    def call(self, y_true, y_pred):
        y_pred = ops.convert_to_tensor(y_pred)
        y_true = ops.cast(y_true, y_pred.dtype)
        return self.weight * self.of_anchors(y_true[..., :-1], y_pred, y_true[..., -1])

    def of_anchors(self, targets, outputs, weights):
        """Returns the loss of each picture, of shape `(batch,)`."""
        raise NotImplementedError

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


@keras.saving.register_keras_serializable("keraslight")
class BoxLoss(AnchorLoss):
    """The smooth L1 loss of a detector's offsets: half the square up to `delta`, linear beyond.

    Args:
        delta: float, where the square ends.
        weight: float, what the loss is multiplied with.
        name: optional str.
        **kwargs: as every `keras.losses.Loss` takes.

    Example:
    >>> targets = np.array([[[0, 0, 0, 0, 1.0]]])
    >>> float(keraslight.BoxLoss()(targets, np.array([[[2.0, 0, 0, 0]]])))
    1.5

    Reference:
        Fast R-CNN, ICCV 2015, section 2.3 (https://arxiv.org/abs/1504.08083).
    """

    def __init__(self, delta: float = 1.0, weight: float = 1.0, name=None, **kwargs):
        super().__init__(weight, name, **kwargs)
        if not delta > 0:
            raise ValueError(f"`delta` must be positive. Received: delta={delta!r}")
        self.delta = delta

    def of_anchors(self, targets, outputs, weights):
        distance = ops.abs(targets - outputs)
        square = 0.5 * ops.square(distance) / self.delta
        smooth = ops.where(distance < self.delta, square, distance - 0.5 * self.delta)
        return ops.sum(ops.sum(smooth, axis=-1) * weights, axis=-1)

    def get_config(self):
        return {**super().get_config(), "delta": self.delta}


@keras.saving.register_keras_serializable("keraslight")
class FocalLoss(AnchorLoss):
    """The focal loss of a detector's class logits: anchors that are easy count little.

    With `p` the probability of the true answer, the loss is `-alpha (1 - p)^gamma log p`.

    Args:
        alpha: float, the weight of objects; that of the background is `1 - alpha`.
        gamma: float, how much less easy anchors count.
        weight: float, what the loss is multiplied with.
        name: optional str.
        **kwargs: as every `keras.losses.Loss` takes.

    Example:
    >>> targets = np.array([[[1.0, 1.0]]])  # one anchor, one class, weight 1
    >>> round(float(keraslight.FocalLoss()(targets, np.array([[[0.0]]]))), 4)
    0.0433

    Reference:
        Focal Loss for Dense Object Detection, ICCV 2017, section 3
        (https://arxiv.org/abs/1708.02002).
    """

    def __init__(
        self, alpha: float = 0.25, gamma: float = 2.0, weight: float = 1.0, name=None, **kwargs
    ):
        super().__init__(weight, name, **kwargs)
        if not (0 <= alpha <= 1 and gamma >= 0):
            raise ValueError(
                "`alpha` must be from 0 to 1 and `gamma` not negative. "
                f"Received: alpha={alpha!r}, gamma={gamma!r}"
            )
        self.alpha, self.gamma = alpha, gamma

    def of_anchors(self, targets, outputs, weights):
        entropy = _cross_entropy(targets, outputs)
        p = ops.sigmoid(outputs)
        wrong = targets * (1 - p) + (1 - targets) * p
        alpha = targets * self.alpha + (1 - targets) * (1 - self.alpha)
        # the power has no gradient at 0
        focal = alpha * ops.power(ops.maximum(wrong, 1e-7), self.gamma) * entropy
        return ops.sum(ops.sum(focal, axis=-1) * weights, axis=-1)

    def get_config(self):
        return {**super().get_config(), "alpha": self.alpha, "gamma": self.gamma}


@keras.saving.register_keras_serializable("keraslight")
class HardNegativeLoss(AnchorLoss):
    """The cross-entropy of a detector's class logits over objects and the hardest background.

    Of the anchors without an object, only those count on which the detector is most wrong: `ratio`
    for each anchor with an object, and at least `ratio` in every picture.

    Args:
        ratio: float, how many anchors of background count for each one with an object.
        weight: float, what the loss is multiplied with.
        name: optional str.
        **kwargs: as every `keras.losses.Loss` takes.

    Example:
    >>> targets = np.array([[[1.0, 1.0], [0.0, 1.0], [0.0, 1.0]]])
    >>> logits = np.array([[[9.0], [-9.0], [9.0]]])
    >>> round(float(keraslight.HardNegativeLoss(ratio=1)(targets, logits)), 2)
    9.0

    Reference:
        SSD: Single Shot MultiBox Detector, ECCV 2016, section 2.2
        (https://arxiv.org/abs/1512.02325).
    """

    def __init__(self, ratio: float = 3.0, weight: float = 1.0, name=None, **kwargs):
        super().__init__(weight, name, **kwargs)
        if not ratio > 0:
            raise ValueError(f"`ratio` must be positive. Received: ratio={ratio!r}")
        self.ratio = ratio

    def of_anchors(self, targets, outputs, weights):
        entropy = ops.sum(_cross_entropy(targets, outputs), axis=-1)
        is_object = ops.max(targets, axis=-1)
        counted = ops.cast(weights > 0, entropy.dtype)
        # anchors that do not compete are last
        wrong = ops.stop_gradient(entropy) * (1 - is_object) * counted - is_object
        rank = ops.argsort(ops.argsort(-wrong, axis=-1), axis=-1)
        most = self.ratio * ops.maximum(ops.sum(is_object, axis=-1, keepdims=True), 1)
        hard = ops.cast(ops.cast(rank, most.dtype) < most, entropy.dtype) * (1 - is_object)
        return ops.sum(entropy * weights * (is_object + hard), axis=-1)

    def get_config(self):
        return {**super().get_config(), "ratio": self.ratio}


def _cross_entropy(targets, logits):
    """Returns the binary cross-entropy of logits, without overflow."""
    return ops.maximum(logits, 0) - logits * targets + ops.log1p(ops.exp(-ops.abs(logits)))
