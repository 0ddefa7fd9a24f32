r"""Does the runtime matter? One model in LiteRT, ONNX Runtime and PyTorch.

    pip install -e ".[runtimes]"
    python -m tflite.studies.runtimes --model=vgnetg_1_0mp --output=results/runtimes.json

The model is fused for float and timed in every runtime, in one interleaved run. Every runtime's
output is compared with Keras's. `torch_model.py` writes a fused Keras model as a PyTorch module.

Found for VGNetG-1.0MP on one thread of an AMD EPYC (`results/runtimes.md`): LiteRT needs 3.9 ms,
ONNX Runtime 1.4 times, PyTorch 4.4 times, with channels last 3.9 times as long.
"""
