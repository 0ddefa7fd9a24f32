"""The stages of a network."""

import dataclasses

import keras

from keraslight.compat import producer

__all__ = ["Stage"]


@dataclasses.dataclass(frozen=True)
class Stage:
    """A part of a network: its stem, one of its stages, or a head.

    Attributes:
        name: str, such as `"stem"`, `"stage1"` or `"head"`.
        strides: int, the height of the input over the height of the output.
        blocks: tuple of the layers with weights, in order. A block is one layer; a stage may hold
            plain layers too, such as the convolution and the normalization of a stem.
        output: the symbolic output, a `keras.KerasTensor`. It is the only output of its layer.
        head: bool, whether the stage is a head: a wide convolution before the classifier, or an
            auxiliary classifier. Heads are not part of the feature pyramid.

    Example:
    >>> stage = keraslight.VGNetG("1.0mp", input_shape=(64, 64, 3)).stage("stage1")
    >>> stage.strides, stage.channels, len(stage.blocks)
    (4, 56, 4)
    """

    name: str
    strides: int
    blocks: tuple[keras.layers.Layer, ...]
    output: keras.KerasTensor
    head: bool = False

    @property
    def channels(self) -> int:
        """The number of channels of the output."""
        return self.output.shape[-1]

    def get_config(self) -> dict:
        """Returns the stage as plain data: its layers and its output by their names."""
        return {
            "name": self.name,
            "strides": self.strides,
            "blocks": [block.name for block in self.blocks],
            "output": producer(self.output).name,
            "head": self.head,
        }

    @classmethod
    def from_config(cls, config: dict, model: keras.Model) -> "Stage":
        """Returns the stage of `model` that `get_config` describes."""
        operations = {operation.name: operation for operation in model.operations}
        return cls(
            **{
                **config,
                "blocks": tuple(operations[name] for name in config["blocks"]),
                "output": operations[config["output"]].output,
            }
        )
