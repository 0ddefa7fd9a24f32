"""One model in several runtimes."""

import json

import keras
import numpy as np
import pytest
from click.testing import CliRunner

import keraslight
from tests.helpers import images, randomize_norms, table_cells
from tflite.studies.runtimes import command as runtimes
from tflite.studies.runtimes.torch_model import TorchModel

SHAPE = (32, 32, 3)


def test_a_model_of_any_size_in_every_runtime(tmp_path):
    pytest.importorskip("torch")
    start = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(4, 3)(start)
    x = keras.layers.BatchNormalization()(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    keras.Model(start, keras.layers.Dense(5)(x)).save(tmp_path / "small.keras")
    done = CliRunner().invoke(
        runtimes.command,
        [
            f"--model={tmp_path}/small.keras",
            "--input_size=24x20",
            "--rounds=2",
            "--runs=3",
            f"--output={tmp_path}/runtimes.json",
        ],
    )
    assert done.exit_code == 0, done.output
    result = json.loads((tmp_path / "runtimes.json").read_text())
    assert result["complete"] and "torch" in result["record"]["versions"]
    assert {"LiteRT", "PyTorch"} <= {r["model"] for r in result["results"]}
    assert all(len(r["rounds"]) == 2 for r in result["results"])
    text = (tmp_path / "runtimes.md").read_text()
    assert table_cells(text)[1][0] == "LiteRT"
    assert text.startswith("`")


def test_a_runtime_that_computes_something_else(tmp_path, monkeypatch):
    wrong = {"Wrong": lambda fused, image, folder, threads: lambda: np.ones((1, 5))}
    monkeypatch.setattr(runtimes, "RUNTIMES", wrong)
    layers = keras.layers
    keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(5, 3),
            layers.BatchNormalization(),
            layers.GlobalAveragePooling2D(),
        ]
    ).save(tmp_path / "small.keras")
    done = CliRunner().invoke(runtimes.command, [f"--model={tmp_path}/small.keras"])
    assert done.exit_code == 1
    assert "Wrong computes something else" in done.output


@pytest.mark.parametrize("target", ["float", "int8"])
def test_the_same_network_in_pytorch(target):
    torch = pytest.importorskip("torch")
    model = keraslight.VGNetG("1.0mp", input_shape=SHAPE, classes=5, se=True)
    fused = randomize_norms(model).fuse(target=target)
    x = images(2, *SHAPE)
    with torch.inference_mode():
        found = TorchModel(fused)(torch.tensor(x.transpose(0, 3, 1, 2)).contiguous()).numpy()
    np.testing.assert_allclose(
        found, keras.ops.convert_to_numpy(fused(x, training=False)), atol=1e-5
    )


def twice(x):
    return 2 * x


@pytest.mark.parametrize(
    "layer",
    [
        type("Dropout", (keras.layers.Layer,), {"call": lambda self, x: 2 * x}),
        lambda name: keras.layers.Activation(twice, name=name),
        lambda name: keras.layers.Conv2D(2, 1, activation=twice, name=name),
        lambda name: keras.layers.ReLU(negative_slope=0.1, name=name),
    ],
)
def test_a_name_alone_does_not_make_a_pytorch_layer(layer, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(twice, "__name__", "relu")
    start = keras.Input((8, 8, 3))
    model = keras.Model(start, layer(name="own")(start))
    with pytest.raises(ValueError, match="no PyTorch form here of the layer 'own'"):
        TorchModel(model)(torch.zeros(1, 3, 8, 8))


def test_what_pytorch_has_no_form_of():
    torch = pytest.importorskip("torch")
    start = keras.Input((8, 8, 3))
    model = keras.Model(start, keras.layers.UpSampling2D(name="larger")(start))
    with pytest.raises(ValueError, match=r"'larger'.*UpSampling2D"):
        TorchModel(model)(torch.zeros(1, 3, 8, 8))
