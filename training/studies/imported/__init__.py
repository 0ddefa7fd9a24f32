r"""Is a file of others as good a start as the network it came from?

    python -m training.studies.imported --data_dir=imagenette160 --runs=runs/imported

A small network is trained in float32. TensorFlow's converter makes an int8 file of it, as a vendor
does. Then two ways lead to a trained int8 file. `keraslight.load_tflite` reads the file, it is
trained for one epoch and written again. Or the float network itself is quantized, calibrated and
trained for one epoch (quantization-aware training). Both are scored by LiteRT, before and after.

What is in the folder of runs is not done again.
"""
