"""What recipes share whose labels lie somewhere in the picture: boxes, or the pixels themselves."""

import dataclasses

import keras

import keraslight
from keraslight.pictures.preprocessing import Preprocessing
from training.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class LocatedRecipe(Recipe):
    """A recipe of a head on a backbone, which is the `model` of the recipe.

    Of the fields of `Recipe` those of classifiers alone have no effect: `eval_crop`, `crop`,
    `rand_augment`, `random_erasing`, `mixup`, `cutmix`, `label_smoothing` and `auxiliary_weight`;
    pictures are squashed to the size of the input.

    Args:
        crop_share: float, the share of pictures of which training sees a random part; the least
            area is `crop_area`'s.
        zoom_out: float, how much larger than the picture a view may be; what is beyond is grey.
        distortion: float, how much brightness and contrast change at most.

    Raises:
        ValueError: if two settings contradict each other.
    """

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
            return keraslight.create_model(self.model, **arguments)
        return self.model(**arguments)

    def preprocessing(self, height: int, width: int) -> Preprocessing:
        return Preprocessing(height, width, resize=(height, width), mean=self.mean, std=self.std)
