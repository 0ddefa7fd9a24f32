"""The class of every model that keraslight builds."""

import keras

from keraslight.compat import producer
from keraslight.models.stage import Stage

__all__ = ["LightModel"]

NO_STAGES = (
    "The model does not know its stages. It was fused, cloned with keras.models.clone_model, or "
    "saved by an earlier version. Take the model as its constructor returns it; weights of an "
    "equal model go into it with new.set_weights(old.get_weights()); "
    "LightModel.from_config(model.get_config()) makes a copy that keeps the stages."
)


@keras.saving.register_keras_serializable("keraslight")
class LightModel(keras.Model):
    """A functional Keras model that knows its architecture and its stages, and can be fused.

    `keras.models.clone_model` copies layers only, so its result has no architecture and no stages;
    use `LightModel.from_config(model.get_config())`.

    Args:
        inputs: input tensor or nested structure of tensors, as `keras.Model` takes.
        outputs: output tensor or nested structure of tensors.
        name: optional str.
        architecture: optional dict, see the attribute.
        stages: optional sequence of `keraslight.Stage`, in the order of the network.
        **kwargs: as `keras.Model` takes.

    Attributes:
        architecture: dict with the family, the name and the options of the network.
            `keraslight.load_checkpoint` and the published weights go by it. It is saved with the
            model.
        stages: tuple of `Stage`: the stem, the stages, then the heads. Each has a `name`, its
            `strides` and `channels`, its `blocks` (layers) and its symbolic `output`. They are
            saved with the model.

    Example:
    >>> model = keraslight.VGNetG("1.0mp", input_shape=(64, 64, 3))
    >>> model.architecture["name"]
    'vgnetg_1_0mp'
    >>> [stage.name for stage in model.stages]
    ['stem', 'stage1', 'stage2', 'stage3', 'stage4']
    """

    def __init__(self, inputs, outputs, name=None, *, architecture=None, stages=(), **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.architecture = dict(architecture or {})
        self.stages = tuple(stages)

    def stage(self, name: str) -> Stage:
        """Returns one stage by its name.

        Raises:
            ValueError: if the model has no stage of that name.
        """
        for stage in self.stages:
            if stage.name == name:
                return stage
        names = [stage.name for stage in self.stages]
        raise ValueError(f"{f'The stages are {names}.' if names else NO_STAGES} Received: {name=}")

    @property
    def pyramid_outputs(self) -> dict[str, keras.KerasTensor]:
        """The feature pyramid: for every stride the last feature map.

        The keys begin with `"P1"`, or with `"P0"` if the first stage keeps the input's size. `"P3"`
        is the map of stride 2 ** 3 = 8. The attribute has the name and the form that
        KerasHub's detectors and segmenters read from a backbone.
        """
        if not self.stages:
            raise ValueError(f"{NO_STAGES} Received: model={self!r}")
        return {
            f"P{stage.strides.bit_length() - 1}": stage.output
            for stage in self.stages
            if not stage.head
        }

    def with_outputs(self, outputs, name: str | None = None) -> "LightModel":
        """Returns the model from the same inputs to other symbolic outputs, with shared layers.

        Args:
            outputs: symbolic tensors of this model, in any structure.
            name: optional str.
        """
        model = LightModel(self.input, outputs, name=name, architecture=self.architecture)
        operations = set(model.operations)
        model.stages = tuple(s for s in self.stages if producer(s.output) in operations)
        return model

    def fuse(self, target="int8", tolerance: float = 1e-4, data=None) -> keras.Model:
        """Returns the same function in inference form, made of built-in layers.

        See `keraslight.fuse`, which takes the same arguments.
        """
        from keraslight.reparam.fuse import fuse

        return fuse(self, target, tolerance, data)

    def get_config(self):
        return {
            **super().get_config(),
            "architecture": dict(self.architecture),
            "stages": [stage.get_config() for stage in self.stages],
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        architecture = config.pop("architecture", {})
        stages = config.pop("stages", [])
        model = super().from_config(config, custom_objects=custom_objects)
        model.architecture = architecture
        model.stages = tuple(Stage.from_config(stage, model) for stage in stages)
        return model
