"""What makes the batches fastest: grain or tf.data, threads or processes. See README.md."""
