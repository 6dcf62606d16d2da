"""Repositories: read, changed, and watched."""
