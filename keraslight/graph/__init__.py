"""Reading a Keras model as a graph of calls, and the algebra of its kernels."""
