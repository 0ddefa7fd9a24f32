"""Runs the study."""

from keraslight.commands.program import run
from tflite.studies.int8_table.command import command

if __name__ == "__main__":
    run(command)
