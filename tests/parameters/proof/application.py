"""The service of the parameters under test, under the URI that browsers may use."""

from __future__ import annotations

from typing import Final

from deltamesh.parameters import service

SERVICE: Final = "com.example.parameters"

app: Final = service(SERVICE)
