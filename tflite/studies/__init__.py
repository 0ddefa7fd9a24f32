"""Programs that each make one file of results."""
