"""Which weights were published: where they lie, how they are verified, what they ask for."""

import dataclasses
import os
import urllib.parse

from keraslight.weights.preprocessing import IMAGENET, Preprocessing


@dataclasses.dataclass(frozen=True)
class Source:
    """A file of published weights.

    Attributes:
        url: where it lies.
        naming: whose names its tensors have.
        hash: `"sha256:"` or `"sha1:"` and the hexadecimal digits that were published, all or the
            first of them; of a zipped file the digits are those of its content. `None` where
            none were published.
        file: its name in the cache; by default that in the url.
        preprocessing: what the network expects with these weights, where it differs from the
            `PublishedWeights`.
    """

    url: str
    naming: str = ""
    hash: str | None = None
    file: str = ""
    preprocessing: Preprocessing | None = None

    def __post_init__(self):
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
    """The weights of one network.

    Attributes:
        name: the name of the network, as `keraslight.list_models()` has it.
        sources: where they lie; each is tried before the next.
        licence: under what terms, as far as is known.
        top1: share of the 50,000 validation images of ImageNet recognized, in percent.
        top1_source: who measured that.
        preprocessing: what is done to an image before.
        version: of a network that was published in several versions, which.
    """

    name: str
    sources: tuple[Source, ...]
    licence: str
    top1: float | None
    top1_source: str
    preprocessing: Preprocessing = IMAGENET
    version: int | None = None
