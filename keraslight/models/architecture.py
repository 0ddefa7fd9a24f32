"""What a model says of its own architecture.

`model.architecture` is a dict with these entries:

- `"family"`: str, such as `"vgnet"`; the family's tensor names are looked up by it.
- `"name"`: str, the name of the network, as `keraslight.list_models` has it.
- `"version"`: int, only where a network was published in several versions.
- `"options"`: dict of the constructor's arguments that make it another network than the one that
  was published under that name, such as `{"thumbnail": True}`. If it is empty, published weights
  and published accuracy apply; otherwise they do not. Arguments that leave the trunk's function
  alone are not in it: `classes`, `include_top`, `pooling`, `input_shape`, `dropout_rate`.
- `"weights"`: str, the published file that was loaded, if one was.
"""

import keras


def changed_options(given: dict, published: dict) -> dict:
    """Returns the arguments that differ from the published network, as plain data.

    Args:
        given: dict from names of arguments to what the constructor received.
        published: dict with the same keys and the values of the published network.
    """
    return {
        name: _plain(name, value)
        for name, value in given.items()
        if _plain(name, value) != _plain(name, published[name])
    }


def _plain(name, value):
    if name == "activation" and value is not None:
        return keras.activations.serialize(keras.activations.get(value))
    # as in a file
    return list(value) if isinstance(value, tuple) else value
