"""`python -m keraslight` is the command `keraslight`."""

from keraslight.commands.main import main

if __name__ == "__main__":
    main()
