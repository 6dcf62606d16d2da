"""
The stream protocol, pure: how every change reaches every subscriber, whatever is lost, repeated or late on the way.

`Track` notes where the content stands, `Publisher` numbers the changes, `Subscriber` follows them, `Mirror` holds what they add
up to. The rules are in `docs/protocol.md`; `tests/stream/simulator.py` tries them against thousands of histories of faults.
"""

from deltamesh.stream.delta import Answer, Delta
from deltamesh.stream.entries import decode, encode, grouped, join, parts
from deltamesh.stream.mirror import Mirror
from deltamesh.stream.position import Position
from deltamesh.stream.publisher import Publisher
from deltamesh.stream.subscriber import Apply, Ask, Output, Replace, State, Subscriber
from deltamesh.stream.track import Track

__all__ = [
    "Answer",
    "Apply",
    "Ask",
    "Delta",
    "Mirror",
    "Output",
    "Position",
    "Publisher",
    "Replace",
    "State",
    "Subscriber",
    "Track",
    "decode",
    "encode",
    "grouped",
    "join",
    "parts",
]
