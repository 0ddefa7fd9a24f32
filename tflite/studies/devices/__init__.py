r"""Does `keraslight verify` find what is wrong with a device? Differences are planted and searched.

    python -m tflite.studies.devices --output=results/devices.csv

A small network runs on devices that do one thing wrong each, see `planted.py`.
"""
