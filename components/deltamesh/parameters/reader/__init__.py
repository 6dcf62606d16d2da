"""The component that follows a branch, and the census beside it."""
