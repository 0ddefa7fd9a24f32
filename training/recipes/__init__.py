"""One file per recipe: the command, the time it took and the accuracy it reached."""
