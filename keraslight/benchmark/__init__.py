"""Times .tflite files on this machine and on Android phones, without Keras and TensorFlow."""

from keraslight.benchmark.phone.adb import Phone, PhoneError, find_phones
from keraslight.benchmark.phone.session import PhoneSettings
from keraslight.benchmark.report import TimingReport
from keraslight.benchmark.results import Case, Measurement, Round
from keraslight.benchmark.timing import time_files

__all__ = [
    "Case",
    "Measurement",
    "Phone",
    "PhoneError",
    "PhoneSettings",
    "Round",
    "TimingReport",
    "find_phones",
    "time_files",
]
