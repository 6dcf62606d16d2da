"""What the router counts, and how it is shown."""
