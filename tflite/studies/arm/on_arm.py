"""Runs on the emulated processor: files with their inputs. It needs LiteRT and NumPy only.

python on_arm.py FOLDER RESULT RESOLVER
"""

import pathlib
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

folder, result = (pathlib.Path(word) for word in sys.argv[1:3])
resolver = OpResolverType[sys.argv[3]]
found = {}
for path in sorted(folder.glob("*.tflite")):
    try:
        interpreter = Interpreter(str(path), experimental_op_resolver_type=resolver)
        interpreter.allocate_tensors()
    except (RuntimeError, ValueError):  # the reference kernels lack some operators
        continue
    (source,) = interpreter.get_input_details()
    outputs = []
    for codes in np.load(path.with_suffix(".npy")):
        interpreter.set_tensor(source["index"], codes)
        interpreter.invoke()
        places = [output["index"] for output in interpreter.get_output_details()]
        outputs.append(np.concatenate([interpreter.get_tensor(i).ravel() for i in places]))
    found[path.stem] = np.stack(outputs)
np.savez(result, **found)
