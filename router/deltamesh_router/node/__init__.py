"""A run of a node: checked, started, told of, ended."""
