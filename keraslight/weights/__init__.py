"""Published weights: where they lie, how they are read, which tensor goes where."""
