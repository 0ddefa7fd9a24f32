"""Finds the form of a fused model that is fastest: `keraslight tune`, from a checkout."""

from keraslight.commands.program import run
from keraslight.commands.tune import command

if __name__ == "__main__":
    run(command)
