"""Makes the MXNet fixtures beside this file; run with MXNet 1.9.1 and NumPy 1.23.

python tests/weights/files/make_mxnet_files.py
"""

import pathlib

import mxnet
import numpy as np

FOLDER = pathlib.Path(__file__).parent
DTYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64")


def main():
    rng = np.random.default_rng(0)
    arrays = {f"arg:{dtype}": (rng.normal(0, 50, (3, 2, 1, 2))).astype(dtype) for dtype in DTYPES}
    arrays["aux:statistics"] = rng.normal(size=4).astype("float32")
    mxnet.nd.save(
        str(FOLDER / "mxnet_v2.params"),
        {name: mxnet.nd.array(value, dtype=value.dtype) for name, value in arrays.items()},
    )
    expected = {name.partition(":")[2]: value for name, value in arrays.items()}
    mxnet.npx.set_np()
    arrays["arg:scalar"] = expected["scalar"] = np.array(2.5, "float32")
    mxnet.npx.save(
        str(FOLDER / "mxnet_v3.params"),
        {name: mxnet.np.array(value, dtype=value.dtype) for name, value in arrays.items()},
    )
    np.savez_compressed(FOLDER / "mxnet_expected.npz", **expected)


if __name__ == "__main__":
    main()
