"""The published weights of VGNet."""

import dataclasses

from keraslight.weights.preprocessing import IMAGENET
from keraslight.weights.published_weights import PublishedWeights, Source

RELEASE = "https://github.com/ffiirree/cv-models/releases/download/v0.0.2-vgnets-weights"
LICENCE = "none stated for the weights; the authors' code is GPL-3.0"

# Version 2: the networks as the authors released them in November 2022. They were evaluated on
# images whose shorter side was scaled to 232 (results.md of the authors' repository, with DALI).
# (network, first digits of the file's SHA-256, top-1)
RELEASED = (
    ("vgnetg_1_0mp", "0f87bf6c", 68.128),
    ("vgnetg_1_0mp_se", "914a9c4a", 70.122),
    ("vgnetg_1_5mp", "1ea464de", 70.494),
    ("vgnetg_1_5mp_se", "6d9ebf3b", 72.422),
    ("vgnetg_2_0mp", "4594e276", 72.314),
    ("vgnetg_2_0mp_se", "132bc3af", 74.324),
    ("vgnetg_2_5mp", "d38ca7ae", 73.740),
    ("vgnetg_2_5mp_se", "ed87bdb1", 75.590),
)
RELEASED_PREPROCESSING = dataclasses.replace(IMAGENET, resize=232)

# Version 1: the networks of the paper, whose files the authors' code named until January 2022.
# Top-1 is the paper's, as far as it gives one for the very network; the code evaluated at 256.
PAPER = (
    ("vgnetg_1_0mp", "533cb12b", 67.7),
    ("vgnetg_1_0mp_se", "4ddbde88", 69.2),
    ("vgnetg_1_5mp", "cbaa0f5d", None),
    ("vgnetg_1_5mp_se", "a759664f", None),
    ("vgnetg_2_0mp", "aa9fa383", None),
    ("vgnetg_2_0mp_se", "bcf70864", None),
    ("vgnetg_2_5mp", "378e2472", None),
    ("vgnetg_2_5mp_se", "8c373f00", None),
    ("vgnetc_1_5mp", "3711bf00", None),
    ("vgnetf_1_5mp", "21d7e648", 66.2),
    ("vgnete_1_5mp", "8416471a", 64.4),
)


def _rows(rows, version, preprocessing, top1_source):
    return tuple(
        PublishedWeights(
            name=name,
            version=version,
            sources=(
                Source(f"{RELEASE}/{name}-{digits}.pth", "ffiirree/cv-models", f"sha256:{digits}"),
            ),
            licence=LICENCE,
            preprocessing=preprocessing,
            top1=top1,
            top1_source=top1_source if top1 else "",
        )
        for name, digits, top1 in rows
    )


VGNET = (
    *_rows(RELEASED, 2, RELEASED_PREPROCESSING, "the authors (ffiirree/cv-models, results.md)"),
    *_rows(PAPER, 1, IMAGENET, "the paper (ICME 2022)"),
)
