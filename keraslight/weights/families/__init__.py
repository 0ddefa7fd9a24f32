"""The published weights and the tensor names of every family: one family, one module."""

from keraslight.discover import public_names


def register_all() -> None:
    """Imports every module of this package. Each calls `register_family`."""
    public_names(__name__)
