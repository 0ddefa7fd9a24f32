r"""What does each number format of a .tflite file cost and save?

    python -m tflite.studies.formats --output=results/formats.csv

The networks of `tflite.studies.hard_cases`, trained on digits, are written in every format and run
on 450 pictures that neither training nor calibration saw: `same_class` is the share that the file
and the float model put into the same class, `db` the signal-to-noise ratio of the logits. A network
with drawn weights, VGNetG-1.0MP at 224x224, is timed on one thread of this machine, which should
have nothing else to do; all files are timed in turn.
"""
