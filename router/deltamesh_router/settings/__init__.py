"""What may be set in `router/router.toml`, and reading it."""
