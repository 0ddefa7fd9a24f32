"""Scores a file with nothing of the programs here: Pillow, NumPy and the interpreter."""

import numpy as np
from PIL import Image


def independent_top1(path, folder, labels, size, mean, std):
    """Returns the share of pictures whose class is the best."""
    from ai_edge_litert.interpreter import Interpreter

    model = Interpreter(str(path))
    model.allocate_tensors()
    source, output = model.get_input_details()[0], model.get_output_details()[0]
    right = total = 0
    for picture in sorted(folder.glob("*/*")):
        image = Image.open(picture).convert("RGB")
        side = round(size / 0.875)
        width, height = (side * n // min(image.size) for n in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        left, top = round((width - size) / 2), round((height - size) / 2)
        pixels = np.asarray(image.crop((left, top, left + size, top + size)), "float32")
        if source["dtype"] == np.uint8:
            values = pixels.astype("uint8")
        else:
            values = (pixels - np.array(mean, "float32")) / np.array(std, "float32")
            if source["dtype"] == np.int8:
                scale, zero = source["quantization"]
                values = np.clip(np.floor(values / scale + 0.5) + zero, -128, 127).astype("int8")
        model.set_tensor(source["index"], values[None].astype(source["dtype"]))
        model.invoke()
        best = int(model.get_tensor(output["index"])[0].argmax())
        right += labels[best] == picture.parent.name
        total += 1
    return right / total
