"""What a page compares the browser with: inputs, and the outputs that LiteRT computes here.

The int8 outputs of a file that `keraslight.export_tflite` wrote are those of
`keraslight.exact_model`, bit for bit.
"""

import base64

import numpy as np

from keraslight.tflite.classify import Classifier

CASES = 8
# height and width of the picture that is resized: neither divides the other or a usual input
PICTURE = 97, 131


def cases(classifier: Classifier) -> list[dict]:
    """Returns inputs and outputs of a file, the bytes of its tensors in base64.

    The inputs are drawn pictures: noise of several sizes, so that all layers get various values.
    """
    rng = np.random.default_rng(0)
    runner = classifier.runner
    found = []
    for index in range(CASES):
        pixels = _picture(rng, *runner.input_shape[:2], 2**index)
        image = classifier.preprocessing.normalized(pixels[..., : runner.input_shape[2]])
        found.append(
            {"input": _text(runner.quantized(image[None])), "output": _text(runner.run(image))}
        )
    return found


def resized_picture(classifier: Classifier) -> dict:
    """Returns a picture, RGBA pixels in base64, and the input that it becomes."""
    height, width = PICTURE
    pixels = _picture(np.random.default_rng(1), height, width, 6)
    alpha = np.full((height, width, 1), 255, "uint8")
    image = classifier.preprocessing(pixels)
    return {
        "height": height,
        "width": width,
        "pixels": _text(np.concatenate([pixels, alpha], axis=-1)),
        "input": _text(classifier.runner.quantized(image[None])),
    }


def _picture(rng, height, width, grain):
    """Draws a picture of squares of `grain` pixels, with noise."""
    rows, columns = -(-height // grain), -(-width // grain)
    squares = rng.integers(0, 256, (rows, columns, 3)).repeat(grain, 0).repeat(grain, 1)
    noise = rng.integers(-20, 21, (height, width, 3))
    return np.clip(squares[:height, :width] + noise, 0, 255).astype("uint8")


def _text(values):
    return base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
