"""The accuracies of the Imagenette recipes. See README.md."""
