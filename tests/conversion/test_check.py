import numpy as np

import keraslight
from keraslight.conversion.check import compare
from keraslight.tflite import flatbuffer
from keraslight.tflite.formats import FORMATS
from tests.colours import SIZE


def test_the_check(model, float_file, int8_file):
    images = np.random.default_rng(0).normal(0, 1, (6, SIZE, SIZE, 3)).astype("float32")
    exact = compare(model, float_file, images)
    assert exact.error < 1e-6 and exact.top1 == 1 and exact.signal_to_noise_db > 100
    rounded = compare(model, int8_file, images)
    assert 1e-4 < rounded.error < 0.05
    assert compare(model, float_file, images, images + 1).error > 0.1
    assert compare(model, float_file, np.zeros_like(images)).signal_to_noise_db is None


def test_the_check_compares_channel_by_channel(model, tmp_path):
    """Weights that are 1.3 times too large are found, and one bias of three that is off."""
    rng = np.random.default_rng(0)
    images = rng.normal(0, 1, (12, SIZE, SIZE, 3)) + rng.normal(0, 1, (12, 1, 1, 3))
    images = images.astype("float32")
    quantized = keraslight.calibrate(keraslight.quantize_model(model), [images], verbose=0)
    path = keraslight.export_tflite(quantized, tmp_path / "sound.tflite")
    assert compare(model, path, images).is_within(FORMATS["int8"].max_error)
    for defect in ("weights", "channel"):
        changed = flatbuffer.read(path.read_bytes())
        graph = changed.subgraphs[0]
        dense = graph.operators[-1]
        if defect == "weights":
            weights = graph.tensors[dense.inputs[1]].quantization
            weights.scale = 1.3 * weights.scale
        else:  # the dense layer multiplies by 5
            (conv,) = (op for op in graph.operators[:-1] if len(op.inputs) == 3)
            bias = graph.tensors[conv.inputs[2]]
            values = np.frombuffer(bytes(changed.buffers[bias.buffer].data), "int32").copy()
            off = 0.07 * 255 * graph.tensors[dense.outputs[0]].quantization.scale[0] / 5
            values[1] += int(off / bias.quantization.scale[1])
            changed.buffers[bias.buffer].data = np.frombuffer(values.tobytes(), "uint8")
        wrong = tmp_path / f"{defect}.tflite"
        wrong.write_bytes(flatbuffer.write(changed))
        check = compare(model, wrong, images)
        assert not check.is_within(FORMATS["int8"].max_error), (defect, check)
        assert check.top1 >= 0.7
