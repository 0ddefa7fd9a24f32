"""Networks that int8 breaks, and what brings each of them back. See `command.py`."""
