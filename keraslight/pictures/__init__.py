"""Pictures: where they are and what is done to them before a model sees them."""
