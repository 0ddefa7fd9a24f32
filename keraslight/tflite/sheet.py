"""Draws the pictures that two classifiers differ on."""

import os
from collections.abc import Sequence

import numpy as np

from keraslight.pictures.names import display_names
from keraslight.pictures.preprocessing import open_picture
from keraslight.tflite.classify import Predictions

SIDE, LINE, MARGIN, COLUMNS, HEADER = 160, 14, 6, 6, 24
COLOURS = ("black", "#1b6ca8", "#b3541e")  # of the label, and of what either classifier says
MOST = 60


def draw_sheet(
    path: str | os.PathLike,
    one: Predictions,
    other: Predictions,
    labels: Sequence[str],
    files: tuple[str, str] = ("the first", "the second"),
    names: dict[str, str] | None = None,
) -> int:
    """Writes a sheet of at most 60 pictures with the label and what either classifier says.

    Args:
        path: path of the picture to write, such as a PNG.
        one: of the first classifier.
        other: of the second, on the same pictures.
        labels: the names of the outputs.
        files: what to call the two.
        names: optional dict of the names by which labels are shown.

    Returns:
        How many pictures the two differ on.
    """
    from PIL import Image, ImageDraw

    differ = np.flatnonzero(one.classes[:, 0] != other.classes[:, 0])
    shown = differ[:MOST]
    names = display_names([*labels, *(picture.label for picture in one.pictures)], names)
    rows = max(1, -(-len(shown) // COLUMNS))
    width, height = SIDE + MARGIN, SIDE + 3 * LINE + MARGIN
    size = (COLUMNS * width + MARGIN, HEADER + rows * height + MARGIN)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    title = f"{len(differ)} of {len(one.pictures)} pictures differ, {len(shown)} shown: label, "
    left = MARGIN
    for part, colour in zip((title, *files), COLOURS, strict=True):
        draw.text((left, MARGIN), part, colour)
        left += draw.textlength(part) + 2 * MARGIN
    for place, index in enumerate(shown):
        left, top = MARGIN + place % COLUMNS * width, HEADER + MARGIN + place // COLUMNS * height
        picture = open_picture(one.pictures[index].source)
        picture.thumbnail((SIDE, SIDE))
        sheet.paste(picture, (left, top))
        lines = [names[one.pictures[index].label]]
        for predictions in (one, other):
            best, score = predictions.classes[index, 0], predictions.scores[index, 0]
            lines.append(f"{names[labels[best]]} {score:.0%}")
        for number, (line, colour) in enumerate(zip(lines, COLOURS, strict=True)):
            draw.text((left, top + SIDE + number * LINE), _short(line), colour)
    sheet.save(path)
    return len(differ)


def _short(text, most=26):
    return text if len(text) <= most else text[: most - 1] + "."
