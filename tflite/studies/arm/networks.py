"""A network of every family, and what the exact models compute of a file."""

import os
import pathlib

import keras
import numpy as np

import keraslight
from keraslight.conversion.noise import settle
from keraslight.quantization.runtimes import RUNTIMES
from keraslight.verification.arm_softmax import differs_on_arm
from keraslight.verification.probe import probe_of

SIZE, CLASSES = 32, 10
PICTURES = 2
APPLICATIONS = {
    "mobilenet_v2": lambda **kwargs: keras.applications.MobileNetV2(alpha=0.35, **kwargs),
    "mobilenet_v3_small": lambda **kwargs: keras.applications.MobileNetV3Small(**kwargs),
}
# one network of every family, and two of keras.applications
NETWORKS = (
    *("vgnetc_1_0mp", "repvgg_a0", "falconnet", "igcv3_d_0_5", "mobileone_s0"),
    *("mobilenetv4_conv_small", "repvit_m0_9", "repghostnet_050", "lcnetv2_small"),
    *APPLICATIONS,
)


def network(name: str) -> keras.Model:
    """Returns a small fused network, with drawn weights and the statistics of noise."""
    shape = {"input_shape": (SIZE, SIZE, 3), "classes": CLASSES}
    if name in APPLICATIONS:
        model = APPLICATIONS[name](weights=None, classifier_activation=None, **shape)
    else:
        model = keraslight.create_model(name, **shape)
    # deep layers see few numbers: networks with drawn weights amplify rounding errors
    return keraslight.fuse(settle(model), tolerance=0.01)


def write(name: str, model: keras.Model, folder: str | os.PathLike) -> dict[str, np.ndarray]:
    """Writes the int8 file of a model and its inputs.

    The file of a network returns what every operator computes, the classes at the end.

    Returns the codes that the exact model computes, by runtime; without runtimes that lack one of
    the operators.

    Args:
        name: of the files.
        model: the float model.
        folder: path of the folder.
    """
    path = pathlib.Path(folder) / f"{name}.tflite"
    rng = np.random.default_rng(1)
    pictures = rng.normal(0, 1, (4, *model.input_shape[1:])).astype("float32")
    quantized = keraslight.quantize_model(model)
    keraslight.calibrate(quantized, [pictures], "minmax", bias_correction=False, verbose=0)
    keraslight.export_tflite(quantized, path, check=False)  # every bit is compared below
    session = keraslight.tflite.TFLiteRunner(path)
    pictures = 1.2 * pictures[:PICTURES]  # so that values are clipped
    np.save(path.with_suffix(".npy"), np.stack([session.quantized(x[None]) for x in pictures]))
    scale, zero_point = session.output["quantization"]
    found = {}
    for runtime in RUNTIMES:
        if runtime == "xnnpack_arm" and not differs_on_arm(path.read_bytes()):
            found[runtime] = found["xnnpack"]
            continue
        try:
            exact = np.asarray(keraslight.exact_model(quantized, runtime)(pictures))
        except ValueError:
            continue
        codes = np.round(exact / np.float32(scale)) + zero_point
        found[runtime] = codes.astype("int8").reshape(PICTURES, -1)
    if name in NETWORKS:
        path.write_bytes(probe_of(path.read_bytes())[0])
    return found
