"""All published weights, found by the network they belong to."""

from keraslight.weights.published_weights import PublishedWeights
from keraslight.weights.registry_igcv3 import IGCV3
from keraslight.weights.registry_repvgg import REPVGG
from keraslight.weights.registry_vgnet import VGNET

PUBLISHED = (*VGNET, *REPVGG, *IGCV3)
WHY_NONE = {
    "falconnet": "The authors of FalconNet never published any weights.",
    "lightnet": "LightNet is FalconNet's baseline, whose authors never published any weights.",
}


def published_for(architecture: dict) -> PublishedWeights | None:
    """Returns the published weights of a network, if there are any.

    Args:
        architecture: dict with the network's `"name"` and, optionally, its `"version"`.
    """
    for weights in PUBLISHED:
        if weights.name == architecture.get("name") and architecture.get("version") in (
            None,
            weights.version,
        ):
            return weights
    return None


def require_published(architecture: dict) -> PublishedWeights:
    """Returns the published weights of a network.

    Raises:
        ValueError: if none were published; the message lists the networks that have some.
    """
    weights = published_for(architecture)
    if weights is not None:
        return weights
    name = architecture.get("name", "")
    reasons = [reason for start, reason in WHY_NONE.items() if name.startswith(start)]
    reasons += [
        f"Of {name} it is version {w.version} that has some." for w in PUBLISHED if w.name == name
    ]
    names = dict.fromkeys(weights.name for weights in PUBLISHED)
    raise ValueError(
        f"No weights were published for this network. {' '.join(reasons)} There are some for "
        f"{', '.join(names)}; for others pass the path or the url of a checkpoint. "
        f"Received: weights='imagenet' for {architecture}"
    )
