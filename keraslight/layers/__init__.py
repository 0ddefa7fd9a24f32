"""The building blocks: one Keras layer per file."""

from keraslight.graph.reparam_layer import ReparamLayer
from keraslight.layers.acb_conv2d import ACBConv2D
from keraslight.layers.channel_shuffle import ChannelShuffle
from keraslight.layers.conv_act_norm import ConvActNorm
from keraslight.layers.dirac_conv2d import DiracConv2D
from keraslight.layers.downsampling_block import DownsamplingBlock
from keraslight.layers.edge_depthwise_conv2d import EdgeDepthwiseConv2D
from keraslight.layers.gaussian_depthwise_conv2d import GaussianDepthwiseConv2D
from keraslight.layers.grouped_pointwise_conv2d import GroupedPointwiseConv2D
from keraslight.layers.half_identity_block import HalfIdentityBlock
from keraslight.layers.interleaved_group_block import InterleavedGroupBlock
from keraslight.layers.interleaved_group_convs import IGCV1Conv2D, IGCV2Conv2D
from keraslight.layers.meta_basic_block import MetaBasicBlock, MetaLightBlock, PartialConv2D
from keraslight.layers.pointwise import Pointwise
from keraslight.layers.refco import RefCO
from keraslight.layers.repso import RepSO
from keraslight.layers.repvgg_block import QARepVGGBlock, RepVGGBlock
from keraslight.layers.shared_depthwise_conv2d import SharedDepthwiseConv2D
from keraslight.layers.sparsely_factorized_conv2d import SparselyFactorizedConv2D
from keraslight.layers.squeeze_excite import SqueezeExcite
from keraslight.layers.wide_interleaved_block import InterleavedGroupPair, WideInterleavedGroupBlock

__all__ = [
    "ACBConv2D",
    "ChannelShuffle",
    "ConvActNorm",
    "DiracConv2D",
    "DownsamplingBlock",
    "EdgeDepthwiseConv2D",
    "GaussianDepthwiseConv2D",
    "GroupedPointwiseConv2D",
    "HalfIdentityBlock",
    "IGCV1Conv2D",
    "IGCV2Conv2D",
    "InterleavedGroupBlock",
    "InterleavedGroupPair",
    "MetaBasicBlock",
    "MetaLightBlock",
    "PartialConv2D",
    "Pointwise",
    "QARepVGGBlock",
    "RefCO",
    "RepSO",
    "RepVGGBlock",
    "ReparamLayer",
    "SharedDepthwiseConv2D",
    "SparselyFactorizedConv2D",
    "SqueezeExcite",
    "WideInterleavedGroupBlock",
]
