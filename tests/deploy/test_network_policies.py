"""Who may connect to whom in the cluster, computed from the NetworkPolicies: what is needed, and nothing else."""

from __future__ import annotations

from typing import Any

from tests.deploy.cluster import Cluster
from tests.deploy.node import INSIGHT, MESH, WEB


class Peer:
    """Somebody that a policy may be about: the pods of a set, or a namespace elsewhere."""

    def __init__(self, name: str, namespace: str, labels: dict[str, str]) -> None:
        self.name = name
        self.namespace = namespace
        self.labels = labels

    def fits(self, peer: dict[str, Any], here: str) -> bool:
        """Whether `from` or `to` of a policy in the namespace `here` means it."""
        if "ipBlock" in peer:
            return True  # whoever has an address
        if "namespaceSelector" in peer:
            is_there = peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": self.namespace}
        else:
            is_there = self.namespace == here
        return is_there and peer.get("podSelector", {}).get("matchLabels", {}).items() <= self.labels.items()


OUTSIDE = [
    Peer("dns", "kube-system", {"k8s-app": "kube-dns"}),
    Peer("ingress", "ingress", {}),
    Peer("prometheus", "monitoring", {}),
    Peer("stranger", "default", {"app.kubernetes.io/name": "leader", "deltamesh/component": "true", "deltamesh/journal": "true"}),
    Peer("git", "", {}),
]
"""Who is in other namespaces, of whom one looks like one of ours, and outside."""

HTTPS, SSH = 443, 22


def let_through(cluster: Cluster, direction: str) -> set[tuple[str, str, int]]:
    """Return caller, callee and port of all connections that the policies about one side alone leave open; that side is ours."""
    (here,) = cluster.all("Namespace")
    inside = [Peer(name, here, each["spec"]["template"]["metadata"]["labels"]) for name, each in cluster.sets.items()]
    pairs = [(one, other) for one in inside for other in [*inside, *OUTSIDE] if one is not other]
    found = set()
    for subject, other in pairs:
        caller, callee = (subject, other) if direction == "Egress" else (other, subject)
        for number in _open_ports(cluster, direction, subject, other, here):
            found.add((caller.name, callee.name, number))
    return found


def _open_ports(cluster: Cluster, direction: str, subject: Peer, other: Peer, here: str) -> set[int]:
    """Return the ports between the pods of `subject` and `other`; -1 for all of them, which is so where no policy is about `subject`."""
    policies = [
        each["spec"]
        for each in cluster.all("NetworkPolicy").values()
        if direction in each["spec"]["policyTypes"] and each["spec"]["podSelector"].get("matchLabels", {}).items() <= subject.labels.items()
    ]
    if not policies:
        return {-1}
    side = "to" if direction == "Egress" else "from"
    rules = [rule for policy in policies for rule in policy.get(direction.lower(), [])]
    ports = [port["port"] for rule in rules if any(other.fits(peer, here) for peer in rule[side]) for port in rule["ports"]]
    callee = other.name if direction == "Egress" else subject.name
    numbers = [cluster.port(callee, port) if callee in cluster.sets else port for port in ports]
    return {number for number in numbers if number is not None}


def test_components_connect_to_the_router_and_to_nobody_else(cluster: Cluster) -> None:
    wanted = {(name, *callee) for name in cluster.components for callee in (("router", MESH), ("dns", 53))}
    if "parameters-reader" in cluster.sets:  # a server of git may be anywhere
        wanted |= {("parameters-reader", peer.name, port) for peer in OUTSIDE for port in (HTTPS, SSH)}

    assert let_through(cluster, "Egress") == wanted | to_the_database(cluster)


def to_the_database(cluster: Cluster) -> set[tuple[str, str, int]]:
    """Return who has to reach the database, if there is one: leaders."""
    leaders = [name for name, role in cluster.components.items() if role == "leader"]
    return {(name, "postgres", 5432) for name in leaders} if "postgres" in cluster.sets else set()


def test_only_who_has_to_gets_in(cluster: Cluster) -> None:
    wanted = {("ingress", "router", WEB)} | {(name, "router", MESH) for name in cluster.components}
    wanted |= {("prometheus", name, INSIGHT) for name in ("router", *cluster.components)}

    assert let_through(cluster, "Ingress") == wanted | to_the_database(cluster)


def test_a_pod_that_no_policy_knows_reaches_nobody(cluster: Cluster) -> None:
    everybody = [each["spec"] for each in cluster.all("NetworkPolicy").values() if each["spec"]["podSelector"] == {}]

    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} in everybody
