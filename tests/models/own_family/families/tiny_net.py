"""TinyNet's published weights, and the names of its tensors in them."""

from keraslight.weights.names import TensorMap
from keraslight.weights.registry import PublishedWeights, Source, register_family

AUTHORS = "authors/tiny"


def official_tensors(model) -> TensorMap:
    """Returns the map from the names in the authors' files to the variables of a TinyNet."""
    tensors = TensorMap()
    for number, stage in enumerate(model.stages):
        for index, block in enumerate(stage.blocks):
            name = f"stages.{number}.{index}"
            for branch in ("first", "second"):
                tensors.conv(f"{name}.{branch}", getattr(block, branch))
                tensors.norm(f"{name}.{branch}_bn", getattr(block, f"{branch}_norm"))
            if hasattr(block, "identity_norm"):
                tensors.norm(f"{name}.bn", block.identity_norm)
    tensors.classifier("fc", model)
    return tensors


register_family(
    "tiny_net",
    namings={AUTHORS: official_tensors},
    published=(
        PublishedWeights(
            name="tiny_net_s",
            sources=(Source("https://example.com/tiny_net_s.pth", AUTHORS),),
            licence="MIT",
            top1=12.3,
            top1_source="the authors",
        ),
    ),
)
