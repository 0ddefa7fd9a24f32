"""The published weights of IGCV3."""

import dataclasses

from keraslight.weights.preprocessing import IMAGENET
from keraslight.weights.published_weights import PublishedWeights, Source

IMGCLSMOB = "https://github.com/osmr/imgclsmob/releases/download"
IMGCLSMOB_LICENCE = "MIT (imgclsmob)"
TOP1_SOURCE = "imgclsmob (pytorch/README.md)"
# the authors' training took the mean off pixels in [0, 255] and divided by nothing
OFFICIAL_PREPROCESSING = dataclasses.replace(
    IMAGENET,
    mean=(123.68 / 255, 116.779 / 255, 103.939 / 255),
    std=(1 / 255, 1 / 255, 1 / 255),
)
OFFICIAL = Source(
    "https://github.com/homles11/IGCV3/raw/master/models/igcv3-0000.params",
    "homles11/IGCV3",
    preprocessing=OFFICIAL_PREPROCESSING,
)

IGCV3 = (
    PublishedWeights(
        name="igcv3_d_1_0",
        sources=(
            Source(
                f"{IMGCLSMOB}/v0.0.126/igcv3_w1-0984-5f099cc8.pth.zip",
                "pytorchcv",
                "sha1:5f099cc88286ca7ac2ecdfe4966abfb7c48480b7",
            ),
            OFFICIAL,
        ),
        licence=f"{IMGCLSMOB_LICENCE}; converted from the authors' weights, which state none",
        top1=71.60,
        top1_source=TOP1_SOURCE,
    ),
    PublishedWeights(
        name="igcv3_d_0_75",
        sources=(
            Source(
                f"{IMGCLSMOB}/v0.0.207/igcv3_w3d4-1140-63f43cf8.pth.zip",
                "pytorchcv",
                "sha1:63f43cf8d334111d55d06f2f9bf7e1e4871d162c",
            ),
        ),
        licence=IMGCLSMOB_LICENCE,
        top1=68.95,
        top1_source=TOP1_SOURCE,
    ),
    PublishedWeights(
        name="igcv3_d_0_5",
        sources=(
            Source(
                f"{IMGCLSMOB}/v0.0.132/igcv3_wd2-1732-8c504f44.pth.zip",
                "pytorchcv",
                "sha1:8c504f443283d8a32787275b23771082fcaab61b",
            ),
        ),
        licence=IMGCLSMOB_LICENCE,
        top1=60.25,
        top1_source=TOP1_SOURCE,
    ),
)
