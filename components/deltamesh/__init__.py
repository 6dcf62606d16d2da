"""
Reactive services on a mesh around one Crossbar.io router.

An application declares a `Service`: inputs, a shared graph of derived collections, resources, actions. `deltamesh run` serves it.

mapper, reducer or lazy? A *mapper* makes pairs from each key of a collection. A *reducer* makes one value from all values of a
key. A *lazy* collection is computed where somebody looks, for what is too much to compute everywhere.
"""

from deltamesh.application.service import Service, Shared
from deltamesh.application.transaction import Caller, Role, Transaction
from deltamesh.application.worker import Call, Worker
from deltamesh.errors import ApplicationError, DeltameshError
from deltamesh.graph import TOP, Collection, Count, Input, Max, Min, Reducer, Sum, lazy
from deltamesh.values import NotOne, Values

__version__ = "0.1.0"

__all__ = [
    "TOP",
    "ApplicationError",
    "Call",
    "Caller",
    "Collection",
    "Count",
    "DeltameshError",
    "Input",
    "Max",
    "Min",
    "NotOne",
    "Reducer",
    "Role",
    "Service",
    "Shared",
    "Sum",
    "Transaction",
    "Values",
    "Worker",
    "lazy",
]
