"""The building blocks: one Keras layer per file."""

from keraslight.layers.conv_act_norm import ConvActNorm
from keraslight.layers.downsampling_block import DownsamplingBlock
from keraslight.layers.edge_depthwise_conv2d import EdgeDepthwiseConv2D
from keraslight.layers.gaussian_depthwise_conv2d import GaussianDepthwiseConv2D
from keraslight.layers.half_identity_block import HalfIdentityBlock
from keraslight.layers.pointwise import Pointwise
from keraslight.layers.reparam_layer import ReparamLayer
from keraslight.layers.repvgg_block import QARepVGGBlock, RepVGGBlock
from keraslight.layers.shared_depthwise_conv2d import SharedDepthwiseConv2D
from keraslight.layers.squeeze_excite import SqueezeExcite

__all__ = [
    "ConvActNorm",
    "DownsamplingBlock",
    "EdgeDepthwiseConv2D",
    "GaussianDepthwiseConv2D",
    "HalfIdentityBlock",
    "Pointwise",
    "QARepVGGBlock",
    "RepVGGBlock",
    "ReparamLayer",
    "SharedDepthwiseConv2D",
    "SqueezeExcite",
]
