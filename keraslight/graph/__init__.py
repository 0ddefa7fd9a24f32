"""Reading a Keras model as a graph of calls, and the algebra of its kernels."""

import keraslight.api  # noqa: F401  registers every layer with Keras
