"""A service as programs use it: live collections, reading once, writing, and actions."""

from deltamesh.client.live import Live
from deltamesh.client.mesh import Mesh

__all__ = ["Live", "Mesh"]
