"""What the files of a commit, and the commits of a branch, amount to. Pure."""
