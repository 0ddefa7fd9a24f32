"""One module for each kind of operator of .tflite files that can be read."""

from keraslight.discover import public_names
from keraslight.tflite_import.reader import Reader

_READERS = tuple(reader() for reader in public_names(__name__).values())
READERS: dict[str, Reader] = {kind: reader for reader in _READERS for kind in reader.kinds}
