"""Flags that several programs have: which recipe, which pictures, where to write."""

from absl import flags

from training.data.data import load_source
from training.data.source import Source
from training.recipe import Recipe, load_recipe

RECIPE = flags.DEFINE_string(
    "recipe", None, "Name of a recipe in training/recipes, or path of a .py file.", required=True
)
SET = flags.DEFINE_multi_string("set", [], "field=value, in place of what the recipe says.")
DATA_DIR = flags.DEFINE_string(
    "data_dir",
    None,
    "Folder of pictures (train/class/*.jpg, val/class/*.jpg), or of TFDS where the recipe names a "
    "data set, or of one that TFDS prepared.",
)
CACHE_GB = flags.DEFINE_float("cache_gb", 4.0, "Memory for decoded pictures.")
DOWNLOAD = flags.DEFINE_bool("download", False, "Let TFDS download what is not prepared.")
OUTPUT_DIR = flags.DEFINE_string("output_dir", None, "Folder of the results.", required=True)
VERBOSE = flags.DEFINE_integer("verbose", 1, "0: silent, 1: progress bars, 2: a line per epoch.")


def recipe() -> Recipe:
    """Returns the recipe of the flags."""
    return load_recipe(RECIPE.value, SET.value)


def source(recipe: Recipe, kind: str) -> Source:
    """Returns the pictures of the flags, `kind` being `"train"` or `"eval"`."""
    return load_source(
        recipe, kind, DATA_DIR.value, CACHE_GB.value, DOWNLOAD.value, int(VERBOSE.value == 1)
    )
