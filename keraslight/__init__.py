"""keraslight: light-weight, re-parameterizable CNN backbones for mobile devices on Keras 3."""

from keraslight import kernels, layers, visualize
from keraslight.export.pixels import with_pixel_input
from keraslight.export.tflite import export_tflite
from keraslight.models.cost import count_macs, summary_table
from keraslight.models.features import feature_extractor
from keraslight.models.igcv3 import IGCV3
from keraslight.models.light_model import LightModel
from keraslight.models.lightnet import FalconNet, LightNet
from keraslight.models.registry import create_model, list_models
from keraslight.models.repvgg import RepVGG
from keraslight.models.vgnet import VGNetC, VGNetF, VGNetG
from keraslight.quantization.calibrate import calibrate
from keraslight.quantization.exact import exact_model
from keraslight.quantization.quantize import quantize_model
from keraslight.quantization.report import quantization_report
from keraslight.quantization.tfmot import to_tfmot
from keraslight.reparam.fuse import fuse
from keraslight.visualize.replace import replace_kernels
from keraslight.weights.checkpoint import load_checkpoint
from keraslight.weights.inference import decode_predictions, preprocess_image, preprocess_input
from keraslight.weights.model_info import model_info

__all__ = [
    "IGCV3",
    "FalconNet",
    "LightModel",
    "LightNet",
    "RepVGG",
    "VGNetC",
    "VGNetF",
    "VGNetG",
    "calibrate",
    "count_macs",
    "create_model",
    "decode_predictions",
    "exact_model",
    "export_tflite",
    "feature_extractor",
    "fuse",
    "kernels",
    "layers",
    "list_models",
    "load_checkpoint",
    "model_info",
    "preprocess_image",
    "preprocess_input",
    "quantization_report",
    "quantize_model",
    "replace_kernels",
    "summary_table",
    "to_tfmot",
    "visualize",
    "with_pixel_input",
]
