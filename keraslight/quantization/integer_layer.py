"""Layers that say themselves how the integers of a .tflite file compute them."""


class IntegerLayer:
    """Mixin for a Keras layer of a quantized model that no float model has.

    `keraslight.load_tflite` makes such layers, with the numbers that the file stores.

    Attributes:
        everywhere: bool, whether `integers` holds for every runtime: it rounds nothing, or asks the
            runtime of the grid. Otherwise it holds for XNNPACK.
    """

    everywhere = False

    def integers(self, *args, **kwargs):
        """Computes the layer with integers, with a gradient for training.

        Args:
            *args: the arguments of the call, with objects of `keraslight.quantization.integers` in
                place of the tensors.
            **kwargs: the keyword arguments, likewise.

        Returns:
            An object of `keraslight.quantization.integers`, or another with a method `rounded`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define `integers`.")
