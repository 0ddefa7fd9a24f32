"""How fast a network trains, beside the same network in PyTorch. See README.md."""
