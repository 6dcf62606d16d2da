"""What whoever runs components sees of them and does to them: health, status, memory, and how many of them there are."""
