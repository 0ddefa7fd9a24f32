"""Runs the study."""

from keraslight.commands.program import run
from tflite.studies.formats.command import command

if __name__ == "__main__":
    run(command)
