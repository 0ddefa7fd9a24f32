"""Names that no other operation of a new model has."""


def free_name(name: str, taken: set[str]) -> str:
    """Returns a name, with a number at its end if it is taken, and adds it to those taken.

    Args:
        name: the name wanted.
        taken: the names that are taken.

    Example:
    >>> from keraslight.graph.names import free_name
    >>> taken = {"conv"}
    >>> free_name("conv", taken), free_name("conv", taken)
    ('conv_1', 'conv_2')
    """
    candidate, number = name, 0
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate
