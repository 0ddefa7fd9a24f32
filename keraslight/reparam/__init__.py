"""The algebra of re-parameterization and the pass that writes the fused model."""
