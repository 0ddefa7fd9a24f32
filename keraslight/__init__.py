"""keraslight: light-weight, re-parameterizable CNN backbones for mobile devices on Keras 3.

Importing it takes milliseconds. Keras and its backend are imported with the first name that is
used; the parts around .tflite files and the command line do without them.
"""

import importlib
import importlib.metadata
import importlib.util
import sys
from typing import TYPE_CHECKING

import wrapt

if TYPE_CHECKING:
    from keraslight.api import *  # noqa: F403


def __getattr__(name):
    if name == "__version__":
        return importlib.metadata.version("keraslight")
    if name.startswith("_") and name != "__all__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    # `from keraslight import files` asks for the attribute first; that must not import Keras
    if importlib.util.find_spec(f"{__name__}.{name}"):
        return importlib.import_module(f"{__name__}.{name}")
    try:
        value = getattr(importlib.import_module("keraslight.api"), name)
    except AttributeError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    globals()[name] = value  # the next access does not come here
    return value


def __dir__():
    return sorted({*globals(), *importlib.import_module("keraslight.api").__all__})


@wrapt.when_imported("keras")
def _register_layers(_):
    """Lets Keras find our layers in saved files when it is imported after keraslight."""
    # whoever has imported `compat` is one of our packages, which import all of `api` themselves
    if "keraslight.compat" not in sys.modules:
        importlib.import_module("keraslight.api")
