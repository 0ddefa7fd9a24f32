"""Programs that each make one file of results/. README.md of a folder says what it found."""
