import keras

import keraslight
from training.quantization_steps import measure


def small(name, input_shape=(8, 8, 3), classes=10):
    start = keras.Input(input_shape)
    x = keraslight.layers.RepVGGBlock(4)(start)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(start, keras.layers.Dense(classes, "softmax")(x), name=name)


def test_a_table_of_trained_and_of_only_quantized_networks(monkeypatch):
    monkeypatch.setattr(keraslight, "create_model", small)
    one, two = measure(["one"], ["two"], size=32, batch=2, steps=1, rounds=3)
    assert (one["model"], two["model"]) == ("one", "two")
    assert one["parameters"] == 3 * 3 * 3 * 4 + 4 + 4 * 10 + 10
    assert one["least_ratio"] <= one["ratio"] <= one["greatest_ratio"]
    assert "ratio" not in two
    assert two["quantize_seconds"] > 0
