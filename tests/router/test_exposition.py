"""The text for Prometheus, and the document that explains it."""

from __future__ import annotations

import json
import re
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from deltamesh_router.insight.exposition import OF_PROCEDURES, OF_PROCESS, OF_REALMS, exposition
from deltamesh_router.insight.figures import ProcedureFigures, procedure_row
from deltamesh_router.insight.metrics import BOUNDS, CallCounts
from tests.running_router import ROOT

PREFIX = "deltamesh_router_"

ALL = (*OF_PROCEDURES, *OF_REALMS, *OF_PROCESS)


def test_labels_are_escaped() -> None:
    strange = 'com.example."quoted"\\back\nline}'
    (family,) = [family for family in families([procedure_row(strange, "exact", CallCounts())]) if family.name == f"{PREFIX}calls"]

    assert [sample.labels["procedure"] for sample in family.samples] == [strange]


def test_every_metric_has_a_name_a_type_and_help_as_prometheus_wants_them() -> None:
    counts = CallCounts()
    counts.errors.add("com.example.error.a")
    for histogram in (counts.wait, counts.run):
        histogram.observe(0.3)
    found = {family.name: family for family in families([procedure_row("com.example.a", "exact", counts)])}

    assert len(found) == len(ALL)
    for metric in ALL:
        assert re.fullmatch("[a-z_]+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert not re.search("_(count|sum|bucket|info|milliseconds|kilobytes)$", metric.name)
        assert metric.help.endswith(".")
        family = found[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
        if metric.kind == "histogram":
            assert metric.name.endswith("_seconds")
            bounds = [sample.labels["le"] for sample in family.samples if sample.name.endswith("_bucket")]
            assert [float(bound) for bound in bounds] == [*BOUNDS, float("inf")]


def test_the_document_names_every_metric_and_no_other() -> None:
    document, _ = (ROOT / "docs/metrics.md").read_text().split("\n## The components\n")
    rows = re.findall(r"^\| `(\w+)` \| (counter|gauge|histogram) \|", document, re.MULTILINE)
    processes = re.findall(r"`(process_\w+)`", document)
    used = {re.sub("_(bucket|sum|count)$", "", name) for name in re.findall(r"(?<!:)deltamesh_router_\w+", document)} - {PREFIX}

    assert rows == [(metric.name.removeprefix(PREFIX), metric.kind) for metric in (*OF_PROCEDURES, *OF_REALMS)]
    assert processes == [metric.name for metric in OF_PROCESS]
    assert used <= {metric.name for metric in ALL} | {f"{PREFIX}load"}


def test_the_document_shows_the_figures_as_they_are() -> None:
    document = (ROOT / "docs/metrics.md").read_text()
    shown = json.loads(document.split("```json\n")[1].split("```")[0])

    assert shown.keys() == {"realm", "procedures", "process"} | {metric.key for metric in OF_REALMS}
    assert shown["procedures"][0].keys() == {"uri", "match"} | {metric.key for metric in OF_PROCEDURES}
    assert list(shown["process"]) == [metric.key for metric in OF_PROCESS]


def families(procedures: list[ProcedureFigures]) -> list[Any]:
    """What the official parser reads of one realm with these procedures."""
    values: Any = {metric.key: {"a": 1} if metric.label else 1 for metric in OF_REALMS}
    text = exposition([{"realm": "realm1", "procedures": procedures, **values}], dict.fromkeys((metric.key for metric in OF_PROCESS), 1.5))
    return list(text_string_to_metric_families(text.decode()))
