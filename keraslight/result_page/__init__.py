"""One page of everything that was measured."""
