"""`python -m tflite.report` is `keraslight report`."""

from keraslight.commands.program import run
from keraslight.commands.report import command

if __name__ == "__main__":
    run(command)
