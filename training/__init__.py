"""Command-line programs that train and evaluate."""
