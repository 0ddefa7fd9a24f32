"""Everything that `keraslight` offers. Importing it registers every layer with Keras."""

from keraslight import kernels, layers, models, visualize
from keraslight.detection.detector import Detector
from keraslight.detection.export import export_detector
from keraslight.detection.losses import BoxLoss, FocalLoss, HardNegativeLoss
from keraslight.detection.ssdlite import SSDLite
from keraslight.discover import public_names
from keraslight.download import DownloadError
from keraslight.export.pixels import with_pixel_input
from keraslight.export.tflite import export_tflite
from keraslight.graph.deploy import register_deploy
from keraslight.graph.policy import Policy, list_targets
from keraslight.quantization.calibrate import calibrate
from keraslight.quantization.equalize import equalize
from keraslight.quantization.exact import exact_model
from keraslight.quantization.quantize import quantize_model
from keraslight.quantization.report import quantization_report
from keraslight.quantization.tfmot import to_tfmot
from keraslight.reparam.fuse import fuse
from keraslight.segmentation.lraspp import LRASPP
from keraslight.tflite_import.load import load_tflite
from keraslight.tflite_import.signed import uint8_to_int8
from keraslight.visualize.replace import replace_kernels
from keraslight.weights.inference import decode_predictions, preprocess_image, preprocess_input
from keraslight.weights.info import model_info
from keraslight.weights.load import load_checkpoint

__all__ = [
    "LRASPP",
    "BoxLoss",
    "Detector",
    "DownloadError",
    "FocalLoss",
    "HardNegativeLoss",
    "Policy",
    "SSDLite",
    "calibrate",
    "decode_predictions",
    "equalize",
    "exact_model",
    "export_detector",
    "export_tflite",
    "fuse",
    "kernels",
    "layers",
    "list_targets",
    "load_checkpoint",
    "load_tflite",
    "model_info",
    "preprocess_image",
    "preprocess_input",
    "quantization_report",
    "quantize_model",
    "register_deploy",
    "replace_kernels",
    "to_tfmot",
    "uint8_to_int8",
    "visualize",
    "with_pixel_input",
]
# the constructors of all networks, and what else the modules of `models` list
_NETWORKS = public_names(models.__name__)
globals().update(_NETWORKS)
__all__ += _NETWORKS
