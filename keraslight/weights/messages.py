"""Lines about progress, for the user."""

import keras
from absl import logging


def say(line: str) -> None:
    """Prints a line or, where Keras's interactive logging is disabled, logs it."""
    if keras.config.is_interactive_logging_enabled():
        print(line)
    else:
        logging.info(line)
