"""Runs the study."""

from keraslight.commands.program import run
from tflite.studies.hard_cases.command import command

if __name__ == "__main__":
    run(command)
