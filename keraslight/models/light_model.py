"""The class of every model that keraslight builds."""

import keras


@keras.saving.register_keras_serializable("keraslight")
class LightModel(keras.Model):
    """A functional Keras model that knows its architecture and can be fused.

    Args:
        inputs: input tensor or nested structure of them, as `keras.Model` takes.
        outputs: output tensor or nested structure of them.
        name: optional str.
        **kwargs: as `keras.Model` takes.

    Attributes:
        architecture: dict that names the family, the variant and the options the model was built
            with; what `keraslight.load_checkpoint` and the weights registry go by. It is saved with
            the model.

    Example:
    >>> model = keraslight.VGNetG("1.0mp", input_shape=(32, 32, 3))
    >>> model.architecture["name"]
    'vgnetg_1_0mp'
    """

    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.architecture = {}

    def fuse(self, **kwargs) -> keras.Model:
        """Returns the same function in inference form, made of built-in layers.

        See `keraslight.fuse`, which takes the same arguments.
        """
        from keraslight.reparam.fuse import fuse

        return fuse(self, **kwargs)

    def get_config(self):
        return {**super().get_config(), "architecture": dict(self.architecture)}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        architecture = config.pop("architecture", {})
        model = super().from_config(config, custom_objects=custom_objects)
        model.architecture = architecture
        return model
