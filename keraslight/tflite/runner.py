"""Runs a .tflite file with the LiteRT interpreter."""

import os
import time

import numpy as np


class LiteRTSession:
    """A .tflite file with any inputs and outputs, ready to run on this machine's CPU.

    Where only the batch is not fixed in the file, it is set to 1.

    Args:
        path: path of the file.
        threads: int, the number of threads.
        xnnpack: bool, whether the XNNPACK delegate runs what it can, as is the default of LiteRT.

    Attributes:
        inputs: list of dicts, LiteRT's details of the inputs.
        outputs: list of dicts, of the outputs.
        dynamic_batch: bool, whether the file leaves the batch open.

    Raises:
        ImportError: if LiteRT is not installed.
        ValueError: if the file is not one that LiteRT can run, or leaves other sizes open.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1, xnnpack: bool = True):
        try:
            from ai_edge_litert.interpreter import Interpreter, OpResolverType
        except ImportError as error:
            raise ImportError(
                "Running a .tflite file needs LiteRT: pip install keraslight[tflite]"
            ) from error
        self.path = os.fspath(path)
        if not os.path.isfile(self.path):
            raise ValueError(f"There is no such file. Received: '{self.path}'")
        resolver = "AUTO" if xnnpack else "BUILTIN_WITHOUT_DEFAULT_DELEGATES"
        try:
            self._interpreter = Interpreter(
                model_path=self.path,
                num_threads=threads,
                experimental_op_resolver_type=OpResolverType[resolver],
            )
            self._interpreter.allocate_tensors()
            self.dynamic_batch = self._fix_batch()
            self.inputs = self._interpreter.get_input_details()
            self.outputs = self._interpreter.get_output_details()
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"LiteRT cannot run '{self.path}': {error}") from error

    def _fix_batch(self):
        """Sets an open batch to 1; tells whether there was one."""
        found = False
        for details in self._interpreter.get_input_details():
            batch, *others = details["shape_signature"]
            if -1 in others:
                raise ValueError(
                    "it takes inputs of any size; export it with a fixed one. Received: input "
                    f"'{details['name']}' of shape {[int(n) for n in details['shape_signature']]}"
                )
            if batch == -1:
                found = True
                self._interpreter.resize_tensor_input(details["index"], [1, *others])
        if found:
            self._interpreter.allocate_tensors()
        return found

    def latencies(self, runs: int = 50, warmup: int = 10) -> np.ndarray:
        """Times the inference of random inputs.

        Args:
            runs: int, how many times.
            warmup: int, how many more at the start are not counted.

        Returns:
            An array of seconds, of shape `(runs,)`.
        """
        rng = np.random.default_rng(0)
        for details in self.inputs:
            values = _random(rng, details["shape"], details["dtype"])
            self._interpreter.set_tensor(details["index"], values)
        invoke, clock = self._interpreter.invoke, time.perf_counter
        ticks = np.empty(warmup + runs + 1)
        ticks[0] = clock()
        for index in range(1, len(ticks)):
            invoke()
            ticks[index] = clock()
        return np.diff(ticks)[warmup:]

    def operators_outside_delegate(self) -> list[str]:
        """Returns the names of the operators that no delegate runs, in order."""
        return [op["op_name"] for op in self._outside_delegate()]

    def places_outside_delegate(self) -> list[int]:
        """Returns the places in the file's graph of the operators that no delegate runs."""
        return [op["index"] for op in self._outside_delegate()]

    def _outside_delegate(self):
        nodes = self._interpreter._get_ops_details()
        delegates = [node for node in nodes if node["op_name"] == "DELEGATE"]
        operators = [node for node in nodes if node["op_name"] != "DELEGATE"]
        writers = {tensor: op for op in operators for tensor in op["outputs"]}
        inside = set()
        for delegate in delegates:
            begin = set(delegate["inputs"])
            pending = list(delegate["outputs"])
            while pending:
                tensor = pending.pop()
                op = writers.get(tensor)
                if tensor not in begin and op is not None and op["index"] not in inside:
                    inside.add(op["index"])
                    pending.extend(op["inputs"])
        return [op for op in operators if op["index"] not in inside]


def _random(rng, shape, dtype):
    if np.issubdtype(dtype, np.floating):
        return rng.normal(0, 1, shape).astype(dtype)
    if dtype in (np.int8, np.uint8, np.int16):
        limits = np.iinfo(dtype)
        return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)
    return np.zeros(shape, dtype)


class ImageSession(LiteRTSession):
    """A .tflite file of one input, which takes images, and any outputs.

    Args:
        path: path of the file.
        threads: int, the number of threads.
        xnnpack: bool, whether the XNNPACK delegate runs what it can.

    Attributes:
        input: dict, LiteRT's details of the input.

    Raises:
        ImportError: if LiteRT is not installed.
        ValueError: if the file is not a .tflite file with one input.
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1, xnnpack: bool = True):
        super().__init__(path, threads, xnnpack)
        if len(self.inputs) != 1:
            raise ValueError(
                "The file must have one input. "
                f"Received: {len(self.inputs)} inputs and {len(self.outputs)} outputs in '{path}'"
            )
        self.input = self.inputs[0]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """`(height, width, channels)` of the input."""
        return tuple(int(side) for side in self.input["shape"][1:])

    def run_all(self, image: np.ndarray) -> list[np.ndarray]:
        """Runs one float image and returns all outputs as they are, integer or float."""
        self._interpreter.set_tensor(self.input["index"], self.quantized(image[None]))
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(output["index"]) for output in self.outputs]

    def quantized(self, image: np.ndarray) -> np.ndarray:
        """Returns float values as the input takes them."""
        kind = self.input["dtype"]
        if not np.issubdtype(kind, np.integer):
            return image.astype(kind)
        scale, zero_point = self.input["quantization"]
        limits = np.iinfo(kind)
        # halves are rounded up, as fake quantization does
        codes = np.floor(image / np.float32(scale) + np.float32(0.5)) + zero_point
        return np.clip(codes, limits.min, limits.max).astype(kind)


def dequantized(output: np.ndarray, details: dict) -> np.ndarray:
    """Returns what an output stands for as floats."""
    if not np.issubdtype(output.dtype, np.integer):
        return output
    scale, zero_point = details["quantization"]
    return (output.astype("float32") - zero_point) * np.float32(scale)


class TFLiteRunner(ImageSession):
    """A .tflite file of one image input and one output, ready to run on this machine's CPU.

    Args:
        path: path of the file.
        threads: int, the number of threads.
        xnnpack: bool, whether the XNNPACK delegate runs what it can.

    Raises:
        ImportError: if LiteRT is not installed.
        ValueError: if the file is not a .tflite file with one input and one output.

    Example:
    ```python
    probabilities = TFLiteRunner("model.tflite").predict(images)
    ```
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1, xnnpack: bool = True):
        super().__init__(path, threads, xnnpack)
        if len(self.outputs) != 1:
            raise ValueError(
                "The file must have one input and one output. Received: "
                f"{len(self.inputs)} inputs and {len(self.outputs)} outputs in '{path}'"
            )
        self.output = self.outputs[0]

    @property
    def classes(self) -> int:
        """The number of classes, of an image classifier.

        Raises:
            ValueError: if the file is none.
        """
        source, output = ([int(n) for n in x["shape"]] for x in (self.input, self.output))
        is_image = len(source) == 4 and source[0] == 1 and source[-1] in (1, 3)
        if not is_image or output[0] != 1 or max(output) < 2 or np.prod(output) != max(output):
            raise ValueError(
                "The file is not an image classifier, which takes (1, height, width, 3) and "
                f"returns (1, classes). Received: input {source}, output {output} in '{self.path}'"
            )
        return max(output)

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Runs the images one by one.

        Args:
            images: float array of shape `(batch, height, width, channels)`.

        Returns:
            A float array of shape `(batch, ...)`, dequantized where the output is integer.
        """
        return np.concatenate([self.dequantized(self.run(image)) for image in images])

    def run(self, image: np.ndarray) -> np.ndarray:
        """Runs one float image and returns the output as it is, integer or float."""
        return self.run_all(image)[0]

    def dequantized(self, output: np.ndarray) -> np.ndarray:
        """Returns what the output stands for as floats."""
        return dequantized(output, self.output)
