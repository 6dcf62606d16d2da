"""The dealer: what becomes of a call, from whoever makes it to whoever takes it and back."""
