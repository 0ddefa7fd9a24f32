"""Which of several equal forms the fused model takes, by what was measured to be fastest.

Every choice here is between exact forms of the same function. Which is faster depends on whether
the file computes in float32 or in int8. Time over that of the choice below, one thread of an x86
server processor with XNNPACK, at 224x224:

| choice | float | int8 |
| --- | --- | --- |
| border, join, downsample | others 1.04 (VGNetG-1.0MP), 0.97 (2.0MP) | sum 1.02, all three 1.13 |
| interleaved: dense | 1.12 (IGCV3-D) | 1 |
| interleaved: duplicated | 1.08 | 1.00 |
| interleaved: branches | 1 | 1.03 |
| narrow_pair: dense, grouped | 1.05, 1.17 (FalconNet) | 1.01, not measured |
| wide_pair: mixed, dense | 1.28, 1.76 | not measured |
| narrow: 32, 128 | 1.02, 1.20 | 1.06, not measured |

`python -m tflite.tune` measures them anew on another machine or on a phone and writes a table that
`keraslight.fuse` takes in place of this one. `results/` has the fused models beside the plain ones.
"""

import dataclasses
import json
import os
import pathlib

CHOICES = {
    "border": ("channels", "sum"),
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
        border: how a shift that varies at the border of an image enters a 1x1 convolution: as
            further input `"channels"`, or as a `"sum"` with its output, a constant once the size of
            the images is fixed.
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
    "float": Policy(border="sum", join="split", downsample="parts", interleaved="branches"),
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
