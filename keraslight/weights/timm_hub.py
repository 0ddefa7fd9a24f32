"""The weights that timm hosts: where a file is, and how its network was evaluated."""

import dataclasses
import math

from keraslight.pictures.preprocessing import IMAGENET, Preprocessing
from keraslight.weights.registry import Source

TIMM = "timm"
HUB = "https://huggingface.co/timm"


def timm_source(model: str, digest: str | None = None) -> Source:
    """Returns the file of a model that timm hosts.

    Args:
        model: str, its name there, such as `"mobileone_s1.apple_in1k"`.
        digest: optional str, the SHA-256 of the file. Without one, the cache records the hash of
            the first download.
    """
    return Source(
        f"{HUB}/{model}/resolve/main/model.safetensors",
        TIMM,
        digest and f"sha256:{digest}",
        file=f"{model}.safetensors",
    )


def timm_preprocessing(
    size: int = 224, crop: float = 0.875, interpolation: str = "bicubic"
) -> Preprocessing:
    """Returns the evaluation preprocessing that timm states for a model.

    Args:
        size: int, height and width of the images.
        crop: float, the share of the shorter side that the center crop keeps.
        interpolation: `"bilinear"` or `"bicubic"`.
    """
    return dataclasses.replace(
        IMAGENET,
        height=size,
        width=size,
        resize=math.floor(size / crop),
        interpolation=interpolation,
    )
