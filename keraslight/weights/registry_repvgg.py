"""The published weights of RepVGG: the authors', as timm hosts them."""

import dataclasses

from keraslight.weights.preprocessing import IMAGENET
from keraslight.weights.published_weights import PublishedWeights, Source

HUB = "https://huggingface.co/timm"
RELEASE = "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-repvgg-weights"
LICENCE = "MIT"
TOP1_SOURCE = "timm (results-imagenet.csv)"

# (variant, top-1, SHA-256 of the hub's file where it is known, first digits of that of the release)
VARIANTS = (
    ("a0", 72.426, None, None),
    ("a1", 74.474, None, None),
    ("a2", 76.488, None, "c1ee6d2b"),
    ("b0", 75.158, None, "80ac3f1b"),
    ("b1", 78.370, None, "77ca2989"),
    ("b1g4", 77.608, None, "abde5d92"),
    (
        "b2",
        78.788,
        "83b87a825e032ce126fe872d8479f9b9b94fe535d9fc746c1d2a9c721091f4e3",
        "25b7494e",
    ),
    ("b2g4", 79.396, None, "165a85f2"),
    (
        "b3",
        80.528,
        "ba125a9e860c2e0f76eb546f5bdc3794243704815b95f04f2d15491aa04f2805",
        "199bc50d",
    ),
    (
        "b3g4",
        80.224,
        "ceff374a42ba7831307bf4f5bec91b4eb23fe9dd128e881845c014807ecd8452",
        "73c370bf",
    ),
    ("d2se", 83.550, None, None),
)
# evaluated at 320 pixels, whole
PREPROCESSING = {"d2se": dataclasses.replace(IMAGENET, size=320, resize=320)}


def _sources(variant, digest, digits):
    yield Source(
        f"{HUB}/repvgg_{variant}.rvgg_in1k/resolve/main/model.safetensors",
        "timm",
        digest and f"sha256:{digest}",
        file=f"repvgg_{variant}.rvgg_in1k.safetensors",
    )
    if digits:
        yield Source(f"{RELEASE}/repvgg_{variant}-{digits}.pth", "timm", f"sha256:{digits}")


REPVGG = tuple(
    PublishedWeights(
        name=f"repvgg_{variant}",
        sources=tuple(_sources(variant, digest, digits)),
        licence=LICENCE,
        preprocessing=PREPROCESSING.get(variant, IMAGENET),
        top1=top1,
        top1_source=TOP1_SOURCE,
    )
    for variant, top1, digest, digits in VARIANTS
)
