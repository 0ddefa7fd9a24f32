"""Pictures with boxes: a folder of COCO json, or a data set of TFDS."""

import functools
import pathlib

import numpy as np

from keraslight.boxes import AnnotatedPicture, CocoSet, Objects, read_coco
from training.data.folder import identity
from training.data.source import ImageFiles, Source, Subset, decode
from training.data.tfds import Records, is_prepared_folder, prepared_split

# folders of the pictures of a split, and where its annotations may be
SPLITS = {
    "train": ("train", "train2017", "training"),
    "eval": ("val", "val2017", "valid", "validation", "test"),
}
ANNOTATIONS = (
    "annotations/instances_{split}.json",
    "annotations/{split}.json",
    "{split}.json",
    "{split}/_annotations.coco.json",
)


class BoxSource(Source):
    """Pictures with the objects in them."""

    def annotated(self, index: int) -> AnnotatedPicture:
        """Returns a picture's size and objects."""
        raise NotImplementedError

    def subset(self, indices):
        return BoxSubset(self, indices)


class BoxFiles(BoxSource, ImageFiles):
    """Pictures in files.

    Args:
        coco: a `keraslight.boxes.CocoSet`.
        cache: bool, whether to keep decoded pictures in memory.
    """

    def __init__(self, coco: CocoSet, cache: bool):
        paths = [picture.source for picture in coco.pictures]
        super().__init__(paths, [_main(one.objects) for one in coco.pictures], coco.class_names)
        self.pictures = coco.pictures
        self.cache = {} if cache else None

    def read(self, index):
        index = int(index)
        if self.cache is None:
            return decode(self.paths[index]), self.pictures[index].objects
        if index not in self.cache:
            self.cache[index] = decode(self.paths[index])
        return self.cache[index], self.pictures[index].objects

    def annotated(self, index):
        return self.pictures[int(index)]


class BoxRecords(BoxSource, Records):
    """Pictures of a data set of TFDS, read and decoded whenever they are needed."""

    def __init__(self, builder, split: str, examples: int):
        features = dict(builder.info.features)
        objects = getattr(features.get("objects"), "feature", None) or {}
        if "image" not in features or "bbox" not in objects or "label" not in objects:
            raise ValueError(
                "The data set must be one of pictures with `objects` that have a `bbox` and a "
                f"`label`. Received: {builder.name} with the features {list(features)}"
            )
        Source.__init__(self, [], objects["label"].names)
        self.builder, self.split, self.examples, self.image = builder, split, examples, "image"
        self.identity = self._name

    def read(self, index):
        record = self.records[int(index)]
        return decode(record["image"]), _objects(record["objects"])

    def annotated(self, index):
        picture, objects = self.read(index)
        return AnnotatedPicture(self.name_of(index), *picture.shape[:2], objects)


class BoxSubset(BoxSource, Subset):
    """Some of the pictures of another source of pictures with boxes."""

    def annotated(self, index):
        return self.whole.annotated(self.indices[index])


def load_boxes(recipe, kind, data_dir, cache_gb=4.0, download=False, verbose=1) -> Source:
    """Returns the pictures of one split with the objects in them.

    Args:
        recipe: a `DetectionRecipe`, which may name a data set of TFDS, such as `coco/2017` or
            `voc`, and its splits.
        kind: `"train"` or `"eval"`.
        data_dir: folder with pictures and COCO json, see `SPLITS` and `ANNOTATIONS`; or that of
            data sets of TFDS.
        cache_gb: float, how much memory decoded pictures may take.
        download: bool, whether TFDS may download what is not there.
        verbose: not used.

    Returns:
        A `Source`.

    Raises:
        ValueError: if there is no such folder, data set or split, or the annotations are unfit.
    """
    split = recipe.train_split if kind == "train" else recipe.eval_split
    if recipe.dataset is None and data_dir is None:
        raise ValueError(
            "Name a folder with COCO json (--data_dir=...) or a data set of TFDS "
            "(--set=dataset=...). Received: neither"
        )
    recipe.anchor_boxes  # noqa: B018  before threads ask for them
    if recipe.dataset is not None or is_prepared_folder(data_dir):
        return BoxRecords(*prepared_split(recipe.dataset, data_dir, kind, split, download))
    return _folder(pathlib.Path(data_dir), kind, split, cache_gb)


def _folder(data_dir, kind, split, cache_gb):
    splits = SPLITS[kind] if split is None else (split,)
    for name in splits:
        for pattern in ANNOTATIONS:
            annotations = data_dir / pattern.format(split=name)
            if annotations.is_file() and (data_dir / name).is_dir():
                coco = read_coco(annotations, data_dir / name)
                pixels = sum(one.height * one.width for one in coco.pictures)
                source = BoxFiles(coco, cache=3 * pixels / 1e9 <= cache_gb)
                paths = [str(annotations), *source.paths]
                source.identity = functools.partial(identity, data_dir, paths)
                return source
    raise ValueError(
        f"`data_dir` must hold a folder of pictures called one of {splits} and its annotations, "
        f"such as {[pattern.format(split=splits[0]) for pattern in ANNOTATIONS]}. "
        f"Received: data_dir='{data_dir}'"
    )


def _objects(found) -> Objects:
    """Returns the objects of a record, without boxes of no area, of which COCO has some."""
    boxes = np.asarray(found["bbox"], "float32").reshape(-1, 4)
    crowd = np.asarray(found.get("is_crowd", np.zeros(len(boxes))), bool)
    whole = (boxes[:, :2] < boxes[:, 2:]).all(axis=1)
    return Objects(boxes[whole], np.asarray(found["label"], "int64")[whole], crowd[whole])


def _main(objects):
    """Returns the class of the largest object, by which pictures are held out in proportion."""
    if not len(objects):
        return -1
    sides = objects.boxes[:, 2:] - objects.boxes[:, :2]
    return int(objects.classes[sides.prod(axis=1).argmax()])
