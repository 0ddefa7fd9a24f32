"""A recipe of a detector that trains in seconds, as a file for the programs."""

import dataclasses

from tests.training.detection.test_detection import RECIPE as TINY

RECIPE = dataclasses.replace(TINY, epochs=1, train_sizes=(), qat_epochs=1, qat_images=8, minival=0)
