"""Draws boxes on a picture."""

from collections.abc import Sequence

from keraslight.boxes.objects import Detections, Objects

# colours that differ for all eyes: Okabe and Ito
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")


def draw_boxes(picture, found: Objects | Detections, class_names: Sequence[str]):
    """Returns a picture with boxes, the names of their classes and their scores.

    Args:
        picture: a Pillow image, or what `keraslight.pictures.open_picture` reads.
        found: the objects, or what a detector found.
        class_names: the names of the classes.

    Returns:
        A new Pillow image of the same size.

    Example:
    >>> from keraslight.boxes import Objects, draw_boxes
    >>> picture = np.zeros((40, 60, 3), "uint8")
    >>> draw_boxes(picture, Objects([[0.1, 0.1, 0.9, 0.5]], [0]), ["cat"]).size
    (60, 40)
    """
    from PIL import Image, ImageDraw

    from keraslight.pictures.preprocessing import open_picture

    image = picture if isinstance(picture, Image.Image) else open_picture(picture)
    image = image.convert("RGB")
    draw = ImageDraw.Draw(image)
    scores = getattr(found, "scores", None)
    for row in reversed(range(len(found))):  # the likeliest on top
        ymin, xmin, ymax, xmax = found.boxes[row].clip(0, 1).tolist()
        place = int(found.classes[row])
        colour = COLOURS[place % len(COLOURS)]
        left, top = xmin * (image.width - 1), ymin * (image.height - 1)
        right, bottom = xmax * (image.width - 1), ymax * (image.height - 1)
        draw.rectangle((left, top, right, bottom), outline=colour, width=2)
        text = class_names[place] if scores is None else f"{class_names[place]} {scores[row]:.2f}"
        box = draw.textbbox((left + 2, top + 1), text)
        draw.rectangle((left, top, box[2] + 1, box[3] + 1), fill=colour)
        draw.text((left + 2, top + 1), text, fill="black")
    return image
