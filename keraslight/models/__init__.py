"""The networks: one family per file, its variants in a table at the top."""
