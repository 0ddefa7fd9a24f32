"""LightNet and FalconNet: no weights were published."""

from keraslight.weights.registry import register_family

register_family(
    "lightnet",
    why_none="The authors of FalconNet never published any weights, nor those of its baseline "
    "LightNet.",
)
