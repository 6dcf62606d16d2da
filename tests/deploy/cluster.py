"""What an overlay makes of a cluster, and what its parts are to each other."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.deploy.manifests import FOLDER, SETS, Object, objects, pod


class Cluster:
    """The objects of one overlay, by its name, or by its folder if that is elsewhere."""

    def __init__(self, overlay: str | Path) -> None:
        self.objects = objects(FOLDER / "overlays" / overlay)

    def all(self, kind: str) -> dict[str, Object]:
        """Return the objects of a kind by name."""
        return {each["metadata"]["name"]: each for each in self.objects if each["kind"] == kind}

    @property
    def sets(self) -> dict[str, Object]:
        """Those that have pods."""
        return {name: each for kind in SETS for name, each in self.all(kind).items()}

    @property
    def components(self) -> dict[str, str]:
        """Those that connect to the router, and the role of each."""
        labels = {name: each["spec"]["template"]["metadata"]["labels"] for name, each in self.sets.items()}
        return {name: name.removeprefix("parameters-") for name, has in labels.items() if has.get("deltamesh/component") == "true"}

    def pods(self) -> Iterator[tuple[str, Object, Object]]:
        """Yield name, pod and container of each set; each has one container."""
        for name, each in self.sets.items():
            (container,) = pod(each)["containers"]
            yield name, pod(each), container

    def selected(self, labels: dict[str, str]) -> set[str]:
        """Return the sets whose pods have these labels."""
        return {name for name, each in self.sets.items() if labels.items() <= each["spec"]["template"]["metadata"]["labels"].items()}

    def port(self, name: str, port: str | int) -> int | None:
        """Return the number of a port of the pods of a set, by its name or number."""
        (container,) = pod(self.sets[name])["containers"]
        return next((each["containerPort"] for each in container["ports"] if port in (each["name"], each["containerPort"])), None)

    def files(self, name: str) -> dict[str, tuple[str, str, str]]:
        """Return the files of secrets and ConfigMaps that the container of a set finds: kind, name and key of where each comes from."""
        spec = pod(self.sets[name])
        places = {mount["name"]: mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
        found = {}
        for volume in spec["volumes"]:
            for source in volume.get("projected", {}).get("sources", [volume]):
                for kind, key in (("Secret", "secret"), ("ConfigMap", "configMap")):
                    if key in source:
                        owner = source[key].get("secretName") or source[key]["name"]
                        for item in source[key]["items"]:
                            found[f"{places[volume['name']]}/{item['path']}"] = (kind, owner, item["key"])
        return found
