"""Everything that `keraslight` offers. Importing it registers every layer with Keras."""

from keraslight import kernels, layers, models, visualize
from keraslight.discover import public_names
from keraslight.download import DownloadError
from keraslight.export.pixels import with_pixel_input
from keraslight.export.tflite import export_tflite
from keraslight.graph.policy import Policy, list_targets
from keraslight.quantization.calibrate import calibrate
from keraslight.quantization.equalize import equalize
from keraslight.quantization.exact import exact_model
from keraslight.quantization.quantize import quantize_model
from keraslight.quantization.report import quantization_report
from keraslight.quantization.tfmot import to_tfmot
from keraslight.reparam.fuse import fuse
from keraslight.visualize.replace import replace_kernels
from keraslight.weights.inference import decode_predictions, preprocess_image, preprocess_input
from keraslight.weights.info import model_info
from keraslight.weights.load import load_checkpoint

__all__ = [
    "DownloadError",
    "Policy",
    "calibrate",
    "decode_predictions",
    "equalize",
    "exact_model",
    "export_tflite",
    "fuse",
    "kernels",
    "layers",
    "list_targets",
    "load_checkpoint",
    "model_info",
    "preprocess_image",
    "preprocess_input",
    "quantization_report",
    "quantize_model",
    "replace_kernels",
    "to_tfmot",
    "visualize",
    "with_pixel_input",
]
# the constructors of all networks, and what else the modules of `models` list
_NETWORKS = public_names(models.__name__)
globals().update(_NETWORKS)
__all__ += _NETWORKS
