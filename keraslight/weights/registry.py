"""The families that have published weights: where the files are, and how their tensors are named.

Every module of `keraslight.weights.families` describes one family and calls `register_family`.
"""

import dataclasses
import os
import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence

from keraslight.pictures.preprocessing import IMAGENET, Preprocessing

HASH = "sha256:[0-9a-f]{8,64}|sha1:[0-9a-f]{8,40}"


@dataclasses.dataclass(frozen=True)
class Source:
    """A file of published weights.

    Attributes:
        url: where the file is.
        naming: how its tensors are named, one of the family's `namings`.
        hash: `"sha256:"` or `"sha1:"` and the hexadecimal digits that were published, all or the
            first of them. For a zipped file they are the digits of its content. `None` where none
            were published.
        file: its name in the cache. Defaults to the name in the url.
        preprocessing: the preprocessing that these weights were trained with, where it is not that
            of the `PublishedWeights`.
    """

    url: str
    naming: str = ""
    hash: str | None = None
    file: str = ""
    preprocessing: Preprocessing | None = None

    def __post_init__(self):
        if self.hash is not None and not re.fullmatch(HASH, self.hash):
            raise ValueError(
                "The hash of a source is 'sha256:' or 'sha1:' and at least 8 hexadecimal digits. "
                f"Received: hash={self.hash!r}"
            )
        if not self.file:
            path = urllib.parse.unquote(urllib.parse.urlsplit(self.url).path)
            object.__setattr__(self, "file", os.path.basename(path))

    @property
    def verifiable(self) -> str:
        """What can be verified of the file, in words."""
        if self.hash is None:
            return "no hash was published"
        algorithm, _, digits = self.hash.partition(":")
        whole = {"sha256": 64, "sha1": 40}[algorithm]
        digest = f"{algorithm.upper().replace('SHA', 'SHA-')} {digits}"
        return (
            digest if len(digits) == whole else f"{digest}..., the {len(digits)} digits published"
        )


@dataclasses.dataclass(frozen=True)
class PublishedWeights:
    """The published weights of one network.

    Attributes:
        name: the name of the network, one of `keraslight.list_models()`.
        sources: the files. Each is tried before the next.
        licence: the terms of use, as far as they are known.
        top1: top-1 accuracy on the 50,000 validation images of ImageNet, in percent.
        top1_source: who measured it.
        preprocessing: the evaluation preprocessing.
        version: the version of the network, where it was published in several.
    """

    name: str
    sources: tuple[Source, ...]
    licence: str
    top1: float | None
    top1_source: str
    preprocessing: Preprocessing = IMAGENET
    version: int | None = None


@dataclasses.dataclass(frozen=True)
class Family:
    """What is known of the weights of one family.

    Attributes:
        name: the family, as `model.architecture["family"]` has it.
        namings: dict from the name of an implementation, such as `"timm"`, to a function that takes
            a model and returns its `keraslight.weights.names.TensorMap`.
        published: the weights of its networks.
        why_none: where no weights were published, a sentence that says why.
    """

    name: str
    namings: Mapping[str, Callable]
    published: Sequence[PublishedWeights]
    why_none: str = ""


FAMILIES: dict[str, Family] = {}


def register_family(
    name: str,
    namings: Mapping[str, Callable] | None = None,
    published: Sequence[PublishedWeights] = (),
    why_none: str = "",
) -> None:
    """Registers what is known of the weights of a family.

    Args:
        name: the family, as `model.architecture["family"]` has it.
        namings: dict from the name of an implementation, such as `"timm"`, to a function that takes
            a model and returns its `keraslight.weights.names.TensorMap`.
        published: the weights of its networks.
        why_none: where no weights were published, a sentence that says why.

    Raises:
        ValueError: if a source has a naming that is not one of the family's.
    """
    namings = dict(namings or {})
    for source in (source for weights in published for source in weights.sources):
        if source.naming not in namings:
            raise ValueError(
                f"The naming of a source must be one of {sorted(namings)}. "
                f"Received: naming={source.naming!r} of {source.url}"
            )
    FAMILIES[name] = Family(name, namings, tuple(published), why_none)


def published_weights() -> tuple[PublishedWeights, ...]:
    """Returns all published weights."""
    return tuple(weights for family in FAMILIES.values() for weights in family.published)


def published_for(architecture: Mapping) -> PublishedWeights | None:
    """Returns the published weights of a network, if there are any.

    Args:
        architecture: `model.architecture`, or a dict with the `"name"` of a network and optionally
            its `"version"`. A network with `"options"` is another one than was published.
    """
    if not _is_as_published(architecture):
        return None
    for weights in published_weights():
        if weights.name == architecture.get("name") and architecture.get("version") in (
            None,
            weights.version,
        ):
            return weights
    return None


def _is_as_published(architecture):
    if "options" in architecture:
        return not architecture["options"]
    # the record of a model without options is from a file of an earlier version: they are unknown
    return "family" not in architecture


def require_published(architecture: Mapping) -> PublishedWeights:
    """Returns the published weights of a network.

    Raises:
        ValueError: if none were published. The message says why, and which networks have some.
    """
    weights = published_for(architecture)
    if weights is not None:
        return weights
    name, options = architecture.get("name"), architecture.get("options")
    family = FAMILIES.get(architecture.get("family"))
    of_name = [weights for weights in published_weights() if weights.name == name]
    reasons = [family.why_none] if family and family.why_none else []
    if of_name and options:
        changes = ", ".join(f"{key}={value!r}" for key, value in options.items())
        reasons.append(f"Those of {name} are for the network without {changes}.")
    elif of_name:
        versions = " and ".join(str(weights.version) for weights in of_name)
        reasons.append(f"Those of {name} are for version {versions}.")
    names = dict.fromkeys(weights.name for weights in published_weights())
    raise ValueError(
        f"No weights were published for this network. {' '.join(reasons)} There are weights for "
        f"{', '.join(names)}. For other networks pass the path or the url of a checkpoint. "
        f"Received: weights='imagenet' for {dict(architecture)}"
    )
