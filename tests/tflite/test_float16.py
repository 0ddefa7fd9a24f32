"""A file whose activations are float16 too, as some converters write for GPUs."""

import flatbuffers

from keraslight.tflite.model_file import ModelFile
from keraslight.tflite.schema import tflite_schema


def test_a_file_that_computes_in_float16(plain_file, tmp_path):
    schema = tflite_schema()
    model = schema.ModelT.InitFromPackedBuf(plain_file.read_bytes(), 0)
    for tensor in model.subgraphs[0].tensors:
        if tensor.type == schema.TensorType.FLOAT32:
            tensor.type = schema.TensorType.FLOAT16
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    path = tmp_path / "half.tflite"
    path.write_bytes(bytes(builder.Output()))
    file = ModelFile(path)
    assert file.quantization == "float16"
    # half the bytes of the float32 file, but for the few integers
    assert 0.5 <= file.traffic / ModelFile(plain_file).traffic < 0.51
