"""`python -m tflite.evaluate` is `keraslight evaluate`."""

from keraslight.commands.evaluate import command
from keraslight.commands.program import run

if __name__ == "__main__":
    run(command)
