"""Files as text: read with their lines, and changed where a value stands. Pure."""
