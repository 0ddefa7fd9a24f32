"""Finds out which runtime a device computes an int8 file with, and where it differs.

It needs LiteRT and NumPy; not Keras and not TensorFlow.
"""

from keraslight.verification.devices import OnPhone, OnThisMachine
from keraslight.verification.verify import Verification, verify_device

__all__ = ["OnPhone", "OnThisMachine", "Verification", "verify_device"]
