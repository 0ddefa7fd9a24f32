"""The class of quantized models that were made from a .tflite file."""

import base64

import keras

from keraslight.quantization.quantized_model import QuantizedModel
from keraslight.tflite import flatbuffer
from keraslight.tflite.file_graph import FileGraph


@keras.saving.register_keras_serializable("keraslight")
class FileModel(QuantizedModel):
    """A quantized model that was read from a .tflite file, and can be written as one again.

    `keraslight.load_tflite` makes it.

    Attributes:
        template: bytes, the file without the weights that layers hold.
        quantizer_names: dict from indices of tensors of the file to the layers that round them.
        linear_names: dict from places of operators to the layers that hold their weights.
    """

    template = b""

    def __init__(self, inputs, outputs, name=None, **kwargs):
        super().__init__(inputs, outputs, name=name, **kwargs)
        self.quantizer_names = {}
        self.linear_names = {}

    @property
    def input_type(self) -> str:
        """The type of the first input of the file, such as `"uint8"`."""
        return FileGraph(flatbuffer.read(self.template)).inputs[0].type.lower()

    @property
    def is_unsigned(self) -> bool:
        """Whether operators compute with uint8, not only inputs and outputs of the file."""
        graph = FileGraph(flatbuffer.read(self.template))
        return any(
            tensor.type == "UINT8" and tensor.is_quantized
            for op in graph.operators
            if op.kind != "QUANTIZE"
            for tensor in op.outputs
        )

    def get_config(self):
        template = base64.b64encode(self.template).decode()
        file = {
            "template": template,
            # JSON has no ints as keys
            "quantizer_names": list(self.quantizer_names.items()),
            "linear_names": list(self.linear_names.items()),
        }
        return {**super().get_config(), "file": file}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        file = config.pop("file")
        model = super().from_config(config, custom_objects=custom_objects)
        model.template = base64.b64decode(file["template"])
        model.quantizer_names = {int(index): name for index, name in file["quantizer_names"]}
        model.linear_names = {int(place): name for place, name in file["linear_names"]}
        return model
