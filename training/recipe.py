"""What a training run computes, in one object; a recipe is a short Python file that holds one.

The file may hold a table `VARIANTS` too, of recipes that differ from its `RECIPE` in what a study
compares. The variant `w50` of `imagenette_mobilenetv2.py` is called `imagenette_mobilenetv2_w50`.
"""

import ast
import dataclasses
import importlib.util
import pathlib
import types
import typing
from collections.abc import Callable

import keras

import keraslight
from keraslight.pictures.preprocessing import Preprocessing, shorter_side

RECIPES = pathlib.Path(__file__).parent / "recipes"
IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Everything that decides what a training run computes, but for the pictures and the seed.

    Args:
        model: name for `keraslight.create_model`, or a callable that takes `classes`,
            `input_shape` and `classifier_activation` as the models of keras.applications do.
        model_args: dict of further arguments of the model.
        dataset: name of a data set of TensorFlow Datasets; `None` for a folder of pictures.
        train_split, eval_split: splits of the data set; `None` looks for the usual names.
        minival: float, the share of the training pictures that are not trained with but choose the
            best checkpoint; from 1 on, their number; 0 for none. They depend on no seed.
        image_size: int, height and width of the pictures the model is evaluated with.
        train_sizes: tuple of `(epochs, size)`, sizes to train with one after the other; their
            epochs add up to `epochs`. Defaults to `image_size` throughout.
        eval_crop: float, the share of the shorter side that evaluation looks at, in the middle.
        mean, std: what the pictures (0 to 255) are normalized with, per channel.
        crop: `"random_resized"`, or `"padded"` (shifted by an eighth at most, for tiny pictures).
        crop_area: pair of float, the least and the largest share of the area a random crop takes.
        flip: bool, whether to mirror half of the pictures.
        rand_augment: optional `(operations, magnitude)` of RandAugment, the magnitude in 0 to 1.
        random_erasing: float, the share of pictures in which a box is erased.
        mixup, cutmix: float, the parameter of the Beta distribution; 0 for neither. With both, each
            batch takes one at random.
        label_smoothing: float.
        epochs: int.
        evaluate_every: int, epochs between two evaluations; the last epoch has one in any case.
        batch_size: int, examples per update over all devices and accumulated steps.
        optimizer: `"adamw"` or `"sgd"`.
        learning_rate: float, the peak of the schedule.
        final_learning_rate: float, where the cosine ends.
        schedule: `"cosine"`, `"exponential"` (times `decay_rate` after every epoch), or `"step"`
            (times `decay_rate` after each of `decay_epochs`); it begins when the warm-up ends.
        decay_rate: float, see `schedule`.
        decay_epochs: tuple of int, see `schedule`.
        warmup_epochs: float, over which the learning rate rises linearly.
        momentum: float, nesterov: bool; of SGD.
        weight_decay: float; decoupled in AdamW, added to the gradient in SGD as papers have it.
            Vectors (biases and normalizations) are left out, but for RepVGG's identity branches.
        clip_norm: optional float, the largest norm of all gradients together.
        ema: optional float, momentum of a moving average of the weights, which is evaluated and
            kept in place of the weights.
        auxiliary_weight: float, weight of the losses of auxiliary outputs.
        qat_epochs: int, qat_learning_rate: float; of `training.qat`.
        qat_images: int, number of training pictures that calibrate.

    Raises:
        ValueError: if two settings contradict each other.
    """

    model: str | Callable
    model_args: dict = dataclasses.field(default_factory=dict)
    dataset: str | None = None
    train_split: str | None = None
    eval_split: str | None = None
    minival: float = 0.05
    image_size: int = 224
    train_sizes: tuple[tuple[int, int], ...] = ()
    eval_crop: float = 0.875
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    crop: str = "random_resized"
    crop_area: tuple[float, float] = (0.08, 1.0)
    flip: bool = True
    rand_augment: tuple[int, float] | None = None
    random_erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    label_smoothing: float = 0.0
    epochs: int = 100
    evaluate_every: int = 1
    batch_size: int = 256
    optimizer: str = "sgd"
    learning_rate: float = 0.1
    final_learning_rate: float = 0.0
    schedule: str = "cosine"
    decay_rate: float = 0.98
    decay_epochs: tuple[int, ...] = ()
    warmup_epochs: float = 0.0
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 1e-4
    clip_norm: float | None = None
    ema: float | None = None
    auxiliary_weight: float = 0.1
    qat_epochs: int = 2
    qat_learning_rate: float = 2e-4
    qat_images: int = 200

    def __post_init__(self):
        for field in ("epochs", "evaluate_every", "batch_size", "image_size"):
            if getattr(self, field) < 1:
                raise ValueError(f"`{field}` must be positive. Received: {getattr(self, field)!r}")
        if self.minival < 0:
            raise ValueError(f"`minival` must not be negative. Received: minival={self.minival!r}")
        if not self.train_sizes:
            object.__setattr__(self, "train_sizes", ((self.epochs, self.image_size),))
        if sum(epochs for epochs, _ in self.train_sizes) != self.epochs:
            raise ValueError(
                "The epochs of `train_sizes` must add up to `epochs`. Received: "
                f"train_sizes={self.train_sizes}, epochs={self.epochs}"
            )
        if not 0 <= self.warmup_epochs < self.epochs:
            raise ValueError(
                "The warm-up must be shorter than the training. Received: "
                f"warmup_epochs={self.warmup_epochs}, epochs={self.epochs}; set one of them"
            )
        for field, values in (
            ("optimizer", ("adamw", "sgd")),
            ("schedule", ("cosine", "exponential", "step")),
            ("crop", ("random_resized", "padded")),
        ):
            if getattr(self, field) not in values:
                raise ValueError(
                    f"`{field}` must be one of {values}. Received: {getattr(self, field)!r}"
                )

        if (self.schedule == "step") != bool(self.decay_epochs):
            raise ValueError(
                "The schedule 'step' needs `decay_epochs`, and the others take none. Received: "
                f"schedule={self.schedule!r}, decay_epochs={self.decay_epochs}"
            )

    @property
    def task(self):
        """The kind of training, a `training.task.Task`."""
        from training.task import Classification

        return Classification()

    def load_source(self, kind, data_dir, cache_gb, download, verbose):
        """Returns the pictures of one split, see `training.data.data.load_source`."""
        from training.data.data import load_classes

        return load_classes(self, kind, data_dir, cache_gb, download, verbose)

    @property
    def model_name(self) -> str:
        """The name of the model, however it is given."""
        return self.model if isinstance(self.model, str) else self.model.__name__

    def build(self, classes: int, input_shape: tuple) -> keras.Model:
        """Returns the untrained model; it gives logits."""
        arguments = {"classes": classes, "input_shape": input_shape, "classifier_activation": None}
        arguments.update(self.model_args)
        if isinstance(self.model, str):
            return keraslight.create_model(self.model, **arguments)
        return self.model(**arguments)

    def preprocessing(self, height: int, width: int) -> Preprocessing:
        """Returns what evaluation does to a picture, and a `.tflite` file says of its input.

        Args:
            height, width: int, of the model's input.
        """
        return Preprocessing(
            height,
            width,
            resize=shorter_side(height, width, self.eval_crop),
            mean=self.mean,
            std=self.std,
        )


def load_recipe(name: str, overrides: list[str] | tuple[str, ...] = ()) -> Recipe:
    """Reads a recipe.

    Args:
        name: one of `list_recipes()`, or the path of a file anywhere, which holds a `Recipe` called
            `RECIPE`.
        overrides: list of `"field=value"`, in place of what the file says.

    Returns:
        A `Recipe`.

    Raises:
        ValueError: if there is no such recipe or field, or a value is not of the field's type.
    """
    if name.endswith(".py") and pathlib.Path(name).is_file():
        return override(_recipe_of(pathlib.Path(name)), overrides)
    if (path := RECIPES / f"{name}.py").is_file():
        return override(_recipe_of(path), overrides)
    for path in RECIPES.glob("*.py"):
        variant = name.removeprefix(f"{path.stem}_")
        if variant != name and variant in (found := _variants_of(path)):
            return override(found[variant], overrides)
    raise ValueError(
        f"`recipe` must be the path of a .py file or one of {list_recipes()}. "
        f"Received: recipe={name!r}"
    )


def list_recipes() -> list[str]:
    """Returns the names of all recipes in `training/recipes`, variants too, sorted."""
    names = []
    for path in RECIPES.glob("*.py"):
        if "\nRECIPE = " in path.read_text():
            variants = (f"{path.stem}_{variant}" for variant in _variants_of(path))
            names += [path.stem, *variants]
    return sorted(names)


def _recipe_of(path):
    recipe = getattr(_module(path), "RECIPE", None)
    if not isinstance(recipe, Recipe):
        raise ValueError(
            f"The file of a recipe must hold a `Recipe` called RECIPE. Received: '{path}' with "
            f"RECIPE={recipe!r}"
        )
    return recipe


def _variants_of(path):
    if "\nVARIANTS = " not in path.read_text():
        return {}
    return _module(path).VARIANTS


def _module(path):
    spec = importlib.util.spec_from_file_location(f"training.recipes.{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def override(recipe: Recipe, overrides) -> Recipe:
    """Returns a recipe with some fields changed, given as `"field=value"`.

    With fewer epochs, the epochs of its sizes, of its warm-up and of the decay of its learning rate
    shrink in proportion, unless they are given too; with more, those of its sizes and of the decay
    grow, and the warm-up stays.
    """
    fields = typing.get_type_hints(type(recipe))
    changes = {}
    for item in overrides:
        field, _, text = item.partition("=")
        if field not in fields:
            raise ValueError(f"A recipe has the fields {sorted(fields)}. Received: {item!r}")
        try:
            changes[field] = ast.literal_eval(text)
        except (ValueError, SyntaxError):
            changes[field] = text
        if not _is_of_type(changes[field], fields[field]):
            raise ValueError(
                f"`{field}` must be of the type {fields[field]}. Received: {field}={text!r}"
            )
    # sizes and a warm-up given for another number of epochs could contradict the new one
    if "epochs" in changes or "image_size" in changes:
        changes.setdefault("train_sizes", _rescaled(recipe, changes))
    share = changes.get("epochs", recipe.epochs) / recipe.epochs
    if share < 1:
        changes.setdefault("warmup_epochs", recipe.warmup_epochs * share)
    if share != 1 and changes.get("schedule", recipe.schedule) == recipe.schedule:
        changes.setdefault("decay_epochs", tuple(round(e * share) for e in recipe.decay_epochs))
    return dataclasses.replace(recipe, **changes)


def _is_of_type(value, hint):
    """Whether a value is of a type, or of one of a union, whatever tuples and dicts hold."""
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    kinds = [typing.get_origin(option) or option for option in options]
    if isinstance(value, int) and not isinstance(value, bool):
        return int in kinds or float in kinds
    return isinstance(value, tuple(kinds))


def _rescaled(recipe, changes):
    """Returns the sizes of a recipe, spread over another number of epochs."""
    epochs = changes.get("epochs", recipe.epochs)
    if len(recipe.train_sizes) == 1 or "image_size" in changes:
        return ()
    ends, done = [], 0
    for length, size in recipe.train_sizes:
        done += length
        ends.append((round(done * epochs / recipe.epochs), size))
    starts = [0] + [end for end, _ in ends]
    return tuple(
        (end - start, size) for start, (end, size) in zip(starts, ends, strict=False) if end > start
    )
