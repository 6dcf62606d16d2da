"""Changes of the repository that administrators ask for."""
