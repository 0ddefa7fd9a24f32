"""Runs a .tflite file with the LiteRT interpreter."""

import os
import time

import numpy as np


class TFLiteRunner:
    """A .tflite file of one image input and one output, ready to run on this machine's CPU.

    Args:
        path: path of the file.
        threads: int, the number of threads.

    Raises:
        ImportError: if LiteRT is not installed.
        ValueError: if the file is not a .tflite file with one input and one output.

    Example:
    ```python
    probabilities = TFLiteRunner("model.tflite").predict(images)
    ```
    """

    def __init__(self, path: str | os.PathLike, threads: int = 1):
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ImportError as error:
            raise ImportError(
                "Running a .tflite file needs LiteRT: pip install keraslight[litert]"
            ) from error
        self._interpreter = Interpreter(model_path=os.fspath(path), num_threads=threads)
        self._interpreter.allocate_tensors()
        inputs = self._interpreter.get_input_details()
        outputs = self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ValueError(
                "The file must have one input and one output. Received: "
                f"{len(inputs)} inputs and {len(outputs)} outputs in '{path}'"
            )
        self.input, self.output = inputs[0], outputs[0]

    @property
    def input_shape(self) -> tuple[int, ...]:
        """`(height, width, channels)` of the input."""
        return tuple(int(side) for side in self.input["shape"][1:])

    def predict(self, images: np.ndarray) -> np.ndarray:
        """Runs the images one by one.

        Args:
            images: float array of shape `(batch, height, width, channels)`.

        Returns:
            A float array of shape `(batch, ...)`, dequantized where the output is integer.
        """
        return np.concatenate([self._dequantized(self.run(image)) for image in images])

    def run(self, image: np.ndarray) -> np.ndarray:
        """Runs one float image and returns the output as it is, integer or float."""
        return self._invoke(self._quantized(image[None]))

    def latencies(self, runs: int = 50, warmup: int = 10) -> np.ndarray:
        """Times the inference of a random image.

        Args:
            runs: int, how many times.
            warmup: int, how many more at the start are not counted.

        Returns:
            An array of seconds, of shape `(runs,)`.
        """
        image = np.random.default_rng(0).normal(0, 1, self.input_shape).astype("float32")
        image = self._quantized(image[None])
        self._interpreter.set_tensor(self.input["index"], image)
        seconds = []
        for _ in range(warmup + runs):
            start = time.perf_counter()
            self._interpreter.invoke()
            seconds.append(time.perf_counter() - start)
        return np.array(seconds[warmup:])

    def _invoke(self, image):
        self._interpreter.set_tensor(self.input["index"], image)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self.output["index"])

    def _quantized(self, image):
        kind = self.input["dtype"]
        if not np.issubdtype(kind, np.integer):
            return image.astype(kind)
        scale, zero_point = self.input["quantization"]
        limits = np.iinfo(kind)
        # halves are rounded up, as fake quantization does
        codes = np.floor(image / np.float32(scale) + np.float32(0.5)) + zero_point
        return np.clip(codes, limits.min, limits.max).astype(kind)

    def _dequantized(self, output):
        if not np.issubdtype(output.dtype, np.integer):
            return output
        scale, zero_point = self.output["quantization"]
        return (output.astype("float32") - zero_point) * np.float32(scale)
