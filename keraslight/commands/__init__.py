"""The command `keraslight`: one module for each subcommand."""
