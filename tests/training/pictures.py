"""Makes folders of small pictures whose classes differ in colour."""

import numpy as np
from PIL import Image

CLASSES = ("blue", "green", "red")
TRAIN, EVAL = 16, 5


def make_folder(folder, train=TRAIN, evaluation=EVAL, sizes=((20, 24),), ending="png"):
    """Writes pictures of some `(height, width)` into train/ and val/, and returns the folder."""
    random = np.random.default_rng(0)
    for split, count in (("train", train), ("val", evaluation)):
        for channel, name in enumerate(CLASSES):
            directory = folder / split / name
            directory.mkdir(parents=True)
            for number in range(count):
                height, width = sizes[number % len(sizes)]
                pixels = random.integers(0, 160, (height, width, 3))
                pixels[..., 2 - channel] += 80
                image = Image.fromarray(pixels.astype("uint8"))
                image.save(directory / f"{number:03d}.{ending}")
    return folder


def break_files(folder, *names):
    """Makes pictures unreadable: one is cut off, the next holds something else, and so on."""
    for index, name in enumerate(names):
        path = folder / name
        content = path.read_bytes()
        path.write_bytes(content[: len(content) // 2] if index % 2 == 0 else b"not a picture")
