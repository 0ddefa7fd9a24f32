"""How far a download is."""

import sys
from collections.abc import Callable

import click


def progress_bar(size: int | None) -> Callable[[int], None]:
    """Returns a function that shows how many bytes of a download have arrived.

    Args:
        size: int, the size of the file in bytes, if it is known.
    """
    bar = click.progressbar(length=size, label="downloading", file=sys.stderr)
    bar.render_progress()

    def show(received):
        bar.update(received - bar.pos)
        if received == size:
            bar.render_finish()

    return show
