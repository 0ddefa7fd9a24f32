r"""Networks that int8 breaks: what brings each of them back?

    python -m tflite.studies.hard_cases --output=results/hard_cases.csv

Small classifiers learn digits. Then their channels are scaled by factors between 1/1000 and 1000,
which changes nothing in float, and they are calibrated on 128 pictures in four ways: as they are,
after `keraslight.equalize`, with AdaRound, and with both. `same_class` is the share of 450 other
pictures that int8 and float put into the same class, `db` the signal-to-noise ratio of the logits.
`unscaled` is the network before its channels were scaled.
"""
