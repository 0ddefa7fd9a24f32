"""What the trainings share whose labels have places in the picture: boxes, or classes of pixels."""

import dataclasses
import pathlib

import keras

import keraslight
from keraslight.pictures.preprocessing import Preprocessing
from training.recipe import Recipe
from training.run_file import MODEL


@dataclasses.dataclass(frozen=True)
class LocatedRecipe(Recipe):
    """A recipe of a head on a backbone, which is the `model` of the recipe.

    Of the fields of `Recipe` those of classifiers alone have no effect: `eval_crop`, `crop`,
    `rand_augment`, `random_erasing`, `mixup`, `cutmix`, `label_smoothing` and `auxiliary_weight`;
    pictures are squashed to the size of the input.

    Args:
        backbone_run: folder of a finished run of a classifier on the same network, whose weights
            the backbone begins with; `None` for random ones.
        crop_share: float, the share of pictures of which training sees a random part; the least
            area is `crop_area`'s.
        zoom_out: float, how much larger than the picture a view may be; what is beyond is grey.
        distortion: float, how much brightness and contrast change at most.

    Raises:
        ValueError: if two settings contradict each other.
    """

    backbone_run: str | None = None
    flip: bool = True
    crop_area: tuple[float, float] = (0.3, 1.0)
    crop_share: float = 0.5
    zoom_out: float = 1.0
    distortion: float = 0.3

    def __post_init__(self):
        super().__post_init__()
        if any(size != self.image_size for _, size in self.train_sizes):
            raise ValueError(
                "The head of the network is made for one size: leave `train_sizes` out. "
                f"Received: train_sizes={self.train_sizes}, image_size={self.image_size}"
            )
        if self.zoom_out < 1:
            raise ValueError(f"`zoom_out` must be at least 1. Received: zoom_out={self.zoom_out!r}")

    def backbone(self, input_shape: tuple) -> keras.Model:
        """Returns the untrained backbone."""
        arguments = {"include_top": False, "input_shape": input_shape, **self.model_args}
        if isinstance(self.model, str):
            backbone = keraslight.create_model(self.model, **arguments)
        else:
            backbone = self.model(**arguments)
        if self.backbone_run is not None:
            begin_with(backbone, self.backbone_run)
        return backbone

    def preprocessing(self, height: int, width: int) -> Preprocessing:
        return Preprocessing(height, width, resize=(height, width), mean=self.mean, std=self.std)


class LocatedTask:
    """The base of tasks that train the whole model and choose the checkpoint of the least loss."""

    chosen = "negative_loss"

    def trainable(self, model, recipe):
        return model

    def deployed(self, model):
        return model

    def chosen_by(self, logs):
        return -float(logs["loss"])


def begin_with(backbone: keras.Model, folder: str) -> None:
    """Gives a backbone the weights of the classifier that a run trained, layer by layer.

    Raises:
        ValueError: if there is no such run, or its network is another.
    """
    path = pathlib.Path(folder) / MODEL
    if not path.is_file():
        raise ValueError(f"`backbone_run` must be a finished run. Received: no file '{path}'")
    trained = {layer.name: layer.get_weights() for layer in keras.models.load_model(path).layers}
    for layer in backbone.layers:
        given = trained.get(layer.name, [])
        if [value.shape for value in given] != [tuple(weight.shape) for weight in layer.weights]:
            raise ValueError(
                "`backbone_run` must be of the same network. "
                f"Received: '{path}', which does not have the weights of {layer.name!r}"
            )
        layer.set_weights(given)
