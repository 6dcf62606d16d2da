"""
Parameters of a shop, live from a git repository.

That is all: what they are called and what they are is in the repository, which `deltamesh parameters reader` follows. Names with a segment
`secrets` are for administrators and components only, and so is here what operations keep for themselves.
"""

from deltamesh.parameters import service

app = service("com.example.parameters", restricted=[("operations", ["administrator"])])
