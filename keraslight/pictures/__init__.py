"""Pictures: where they are, what is done to them before a model sees them, names of classes."""

from keraslight.pictures.folder import Picture, list_classes, list_files, list_pictures
from keraslight.pictures.names import (
    display_names,
    imagenet_classes,
    read_labels,
    read_names,
)
from keraslight.pictures.preprocessing import Preprocessing, open_picture
from keraslight.pictures.sample import make_sample

__all__ = [
    "Picture",
    "Preprocessing",
    "display_names",
    "imagenet_classes",
    "list_classes",
    "list_files",
    "list_pictures",
    "make_sample",
    "open_picture",
    "read_labels",
    "read_names",
]
