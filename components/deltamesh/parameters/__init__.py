"""
Live parameters from git: values that live in a repository, and that services and pages subscribe to by name.

`service` is the reactive service that has them, `Parameters` the client. The reader and the administration are started by the command line.
"""

from deltamesh.parameters.client.parameter import Parameter
from deltamesh.parameters.client.parameters import Parameters
from deltamesh.parameters.client.state import Source, State
from deltamesh.parameters.service import service

__all__ = ["Parameter", "Parameters", "Source", "State", "service"]
