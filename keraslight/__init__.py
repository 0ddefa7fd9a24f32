"""keraslight: light-weight, re-parameterizable CNN backbones for mobile devices on Keras 3.

Importing it takes milliseconds. Keras and its backend are imported with the first name that is
used; the parts around .tflite files and the command line do without them.
"""

import importlib
import importlib.metadata
import importlib.util
import sys
from typing import TYPE_CHECKING

import wrapt

if TYPE_CHECKING:
    from keraslight.export.pixels import with_pixel_input  # noqa: F401
    from keraslight.export.tflite import export_tflite  # noqa: F401
    from keraslight.graph.policy import Policy  # noqa: F401
    from keraslight.quantization.calibrate import calibrate  # noqa: F401
    from keraslight.quantization.exact import exact_model  # noqa: F401
    from keraslight.quantization.quantize import quantize_model  # noqa: F401
    from keraslight.quantization.report import quantization_report  # noqa: F401
    from keraslight.quantization.tfmot import to_tfmot  # noqa: F401
    from keraslight.reparam.fuse import fuse  # noqa: F401
    from keraslight.visualize.replace import replace_kernels  # noqa: F401
    from keraslight.weights.download import DownloadError  # noqa: F401
    from keraslight.weights.inference import decode_predictions, preprocess_image, preprocess_input  # noqa: F401
    from keraslight.weights.info import model_info  # noqa: F401
    from keraslight.weights.load import load_checkpoint  # noqa: F401


def __getattr__(name):
    if name == "__version__":
        return importlib.metadata.version("keraslight")
    if name.startswith("_") and name != "__all__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # `from keraslight import files` asks for the attribute first; that must not import Keras
    if importlib.util.find_spec(f"{__name__}.{name}"):
        return importlib.import_module(f"{__name__}.{name}")
    try:
        return getattr(importlib.import_module("keraslight.api"), name)
    except AttributeError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__():
    return sorted({*globals(), *importlib.import_module("keraslight.api").__all__})


@wrapt.when_imported("keras")
def _register_layers(_):
    """Lets Keras find our layers in saved files when it is imported after keraslight."""
    # whoever has imported `compat` is one of our packages, which import all of `api` themselves
    if "keraslight.compat" not in sys.modules:
        importlib.import_module("keraslight.api")
