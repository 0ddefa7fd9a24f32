"""`python -m tflite.convert` is `keraslight convert`."""

from keraslight.commands.convert import command
from keraslight.commands.program import run

if __name__ == "__main__":
    run(command)
