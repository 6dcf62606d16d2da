"""
Makes the repository of the demo, if there is none: parameters of a shop, and how they came to be, in a few commits.

    python -m examples.parameters.seed .crossbar/parameters.git

It is a repository like any other: clone it, change a file, push.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

import pygit2

PLACE: Final = ".crossbar/parameters.git"

BRANCH: Final = "main"

LIMITS: Final = """\
# Limits of payments. What a region or an environment says otherwise stands in its own folder.
daily:        # of one customer, in whole units of the currency
  eur: 1000
  usd: 1100
single:
  eur: 500
  usd: 550
currencies: [EUR, USD]
retries: 3
"""

FEATURES: Final = """\
# Switches of the shop.
[checkout]
one_click = false
gift_cards = true

[search]
suggestions = true
rollout = 0.25      # share of customers who have the new one
"""

SHOP: Final = """\
{
    "name": "Shop",
    "greeting": "Welcome!",
    "timeout": 2.5,
    "support": {"open": true, "hours": "9-17"}
}
"""

SECRETS: Final = """\
# An example, so nobody need keep it: a real one belongs into a vault, or is encrypted here.
provider:
  token: not-a-real-token-7f3a
"""

OPERATIONS: Final = """\
[maintenance]
window = "Sunday 02:00-04:00 UTC"
contact = "operations@shop.example"
"""

SCHEMA_OF_LIMITS: Final = """\
{
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "daily": {"$ref": "#/$defs/amounts"},
        "single": {"$ref": "#/$defs/amounts"},
        "currencies": {"type": "array", "items": {"enum": ["EUR", "USD", "GBP"]}, "minItems": 1, "uniqueItems": true},
        "retries": {"type": "integer", "minimum": 0, "maximum": 10}
    },
    "required": ["daily", "single", "currencies", "retries"],
    "additionalProperties": false,
    "$defs": {"amounts": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 100000}}}
}
"""

SCHEMA_OF_FEATURES: Final = """\
type: object
properties:
  checkout: {type: object, additionalProperties: {type: boolean}}
  search:
    type: object
    properties:
      suggestions: {type: boolean}
      rollout: {type: number, minimum: 0, maximum: 1}
"""

PRODUCTION: Final = """\
daily:
  eur: 5000
  usd: 5500
"""

EUROPE: Final = """\
currencies: [EUR]
"""

STORY: Final[list[tuple[str, dict[str, str]]]] = [
    (
        "Begin with the limits of payments",
        {"base/payment/limits.yaml": LIMITS, "schemas/payment/limits.json": SCHEMA_OF_LIMITS, "README.md": "# Parameters of the shop\n"},
    ),
    (
        "Add switches and the shop itself",
        {"base/features.toml": FEATURES, "base/shop.json": SHOP, "schemas/features.yaml": SCHEMA_OF_FEATURES},
    ),
    ("Allow more in production", {"environments/production/payment/limits.yaml": PRODUCTION}),
    ("Take euros only in Europe", {"regions/eu/payment/limits.yaml": EUROPE}),
    ("Know the payment provider, and when to maintain", {"base/payment/secrets.yaml": SECRETS, "base/operations.toml": OPERATIONS}),
    ("Show the new search to half of all", {"base/features.toml": FEATURES.replace("rollout = 0.25", "rollout = 0.5")}),
]
"""Messages, and the files that each commit changes."""


def make(path: Path) -> bool:
    """
    Make the repository at `path`; return whether that was necessary.

    It is made beside and then renamed, so that nobody ever reads half of it.
    """
    if path.exists():
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f"{path.name}.", dir=path.parent))
    try:
        tell(pygit2.init_repository(draft, bare=True, initial_head=BRANCH))
        draft.rename(path)
    except BaseException:
        shutil.rmtree(draft)
        raise
    return True


def tell(repository: pygit2.Repository) -> None:
    """Commit the story."""
    author = pygit2.Signature("Example", "example@shop.example")
    index, parents = pygit2.Index(), []
    for message, files in STORY:
        for name, text in files.items():
            index.add(pygit2.IndexEntry(name, repository.create_blob(text.encode()), pygit2.enums.FileMode.BLOB))
        tree = index.write_tree(repository)
        parents = [repository.create_commit(f"refs/heads/{BRANCH}", author, author, message, tree, parents)]


def main() -> None:
    path = Path(sys.argv[1] if len(sys.argv) > 1 else PLACE)
    print(f"{'made' if make(path) else 'there is already'} {path}: git clone {path}")


if __name__ == "__main__":
    main()
