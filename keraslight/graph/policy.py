"""Which of several equal forms the fused model takes, by what was measured to be fastest.

Every choice here is between exact forms of the same function. Which is faster depends on whether
the file computes in float32 or in int8. Time over that of the choice below, one thread of an x86
server processor with XNNPACK, at 224x224:

| choice | float | int8 |
| --- | --- | --- |
| border: channels | 1.02 (VGNetG-1.0MP), 1.02 (2.0MP) | 1 |
| border: sum | 1.01, 1.02 | 1.02, 1.03 |
| border: added | 1 | 1.19, 1.09 |
| join and downsample: concat, joined | 1.02, 1.00 | 1 |
| join and downsample: split, parts | 1 | with sum 1.12, 1.16; with added 1.27, 1.19 |
| interleaved: dense | 1.12 (IGCV3-D) | 1 |
| interleaved: duplicated | 1.08 | 1.00 |
| interleaved: branches | 1 | 1.03 |
| narrow_pair: dense, grouped | 1.05, 1.17 (FalconNet) | 1.01, 1.31 |
| wide_pair: mixed, dense | 1.43, 1.76 | 1.08, 1.20 |
| narrow: 32, 128 | 0.98 to 1.02, 1.20 | 1.04 to 1.06, 1.06 |

In float, `channels` is with concat and joined, `sum` with split and parts; of five runs of
VGNetG-1.0MP `added` was first in three, and `sum`, whose maps double the file, in two, by 1 %.

Also tried: FalconNet without its shuffles, which is another function and bounds what a better
shuffle could gain, 0.98 and 0.96; its groups merged, with zeros, until each has 16 outputs, 0.98
and 0.98, 32 outputs, 1.07 and 1.02.

`python -m tflite.tune` measures them anew on another machine or on a phone and writes a table that
`keraslight.fuse` takes in place of this one. `results/` has the fused models beside the plain ones.
"""

import dataclasses
import json
import os
import pathlib

CHOICES = {
    "border": ("channels", "sum", "added"),
    "join": ("concat", "split"),
    "downsample": ("joined", "parts"),
    "interleaved": ("dense", "duplicated", "branches"),
    "narrow_pair": ("mixed", "dense", "grouped"),
    "wide_pair": ("mixed", "dense", "grouped"),
    "narrow": (16, 32, 64, 128),
}


@dataclasses.dataclass(frozen=True)
class Policy:
    """One choice of forms.

    Attributes:
        border: what becomes of a shift before a depthwise convolution that pads with zeros. It may
            travel to the next 1x1 convolution, where it varies at the border of the image: as
            further input `"channels"`, or as a `"sum"` with its output, a constant once the size of
            the images is fixed. Or it is `"added"` before the padding.
        join: how a 1x1 convolution reads several tensors: their `"concat"`, or `"split"` into one
            convolution for each and a sum.
        downsample: whether a strided depthwise convolution reads several tensors `"joined"` or in
            `"parts"`, joined at the smaller size.
        interleaved: the expansion of IGCV3's block: `"dense"`, the permutation in its kernel;
            `"duplicated"`, four groups on twice the narrow input; or `"branches"`, the block in two
            halves.
        narrow_pair: the factors of an expansion or a projection of at most `narrow` channels
            outside: one `"dense"` convolution, a `"mixed"` pair (first dense, second grouped), or a
            `"grouped"` pair with a shuffle between.
        wide_pair: those of wider ones.
        narrow: int, see `narrow_pair`.
    """

    border: str = "channels"
    join: str = "concat"
    downsample: str = "joined"
    interleaved: str = "dense"
    narrow_pair: str = "mixed"
    wide_pair: str = "grouped"
    narrow: int = 64

    def __post_init__(self):
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"`{name}` of a policy must be one of {choices}. "
                    f"Received: {name}={getattr(self, name)!r}"
                )


POLICIES = {
    "float": Policy(border="added", join="split", downsample="parts", interleaved="branches"),
    "int8": Policy(),
}


def policy_for(target: str | os.PathLike | Policy) -> Policy:
    """Returns the policy for `"float"` or `"int8"`, of a file `tflite.tune` wrote, or itself."""
    if isinstance(target, Policy):
        return target
    if target in POLICIES:
        return POLICIES[target]
    path = pathlib.Path(target)
    if path.suffix != ".json" or not path.is_file():
        raise ValueError(
            f"`target` must be one of {list(POLICIES)} or the path of a .json file with a policy. "
            f"Received: target={target!r}"
        )
    try:
        choices = json.loads(path.read_text())["policy"]
        return Policy(**choices)
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"The file holds no policy of this version of keraslight: {error}. "
            f"Received: target='{path}'"
        ) from error
