"""The manifests are of the published form, what they name exists, and pods may do and reach what they need and nothing else."""

from __future__ import annotations

import json
import re
from configparser import ConfigParser
from pathlib import Path

import click
import pytest
import yaml

from deltamesh.cli.command import main
from deltamesh.cli.component import PATIENCE
from deltamesh.uris import check_name
from tests.deploy.cluster import Cluster
from tests.deploy.manifests import FOLDER, OVERLAYS, PARAMETERS, Object, kustomize, kustomized, objects, pod, with_parameters
from tests.deploy.node import INSIGHT, MESH, NODE, PRINCIPALS, SETTINGS, WEB
from tests.running_router import ROOT

GUIDE = (ROOT / "docs/deployment.md").read_text()


# ---- form


def test_there_is_an_overlay_for_each_situation() -> None:
    assert OVERLAYS == ["autoscaled", "production", "single-node"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kustomize_makes_the_same_objects(overlay: str) -> None:
    assert_the_same(FOLDER / "overlays" / overlay)


@pytest.mark.parametrize("overlay", ["production", "single-node"])
def test_kustomize_makes_the_same_objects_with_parameters(overlay: str, tmp_path: Path) -> None:
    assert_the_same(with_parameters(tmp_path, overlay))


def assert_the_same(folder: Path) -> None:
    """Let kustomize make what the tests look at."""
    command = kustomize()
    if command is None:
        pytest.skip("kustomize is not installed: go install sigs.k8s.io/kustomize/kustomize/v5@latest")

    def order(each: Object) -> tuple[str, str]:
        return each["kind"], each["metadata"]["name"]

    made = sorted(kustomized(folder, command), key=order)
    ours = sorted(objects(folder), key=order)

    # as text: whoever has imported Crossbar.io reads YAML into dictionaries that compare their order as well
    assert json.dumps(made, sort_keys=True) == json.dumps(ours, sort_keys=True)


def test_parameters_are_in_no_overlay_but_the_guide_says_how_to_add_them() -> None:
    assert [name for name in OVERLAYS if "parameters" in (FOLDER / "overlays" / name / "kustomization.yaml").read_text()] == []
    assert f"```yaml\n{PARAMETERS}\n" in GUIDE


def test_every_object_is_what_its_schema_says(cluster: Cluster) -> None:
    schemas = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate, which has the schemas, is not installed")
    for each in cluster.objects:
        schemas.validate(each, "1.37", strict=True)


def test_an_object_that_is_wrong_is_found() -> None:
    """The schemas are strict: a word in the wrong place is a mistake."""
    schemas = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate, which has the schemas, is not installed")
    wrong = Cluster("production").sets["leader"]
    wrong["spec"]["template"]["spec"]["terminationGraceSeconds"] = 30
    with pytest.raises(schemas.ValidationError):
        schemas.validate(wrong, "1.37", strict=True)


def test_every_object_has_a_name_of_its_own_in_the_namespace(cluster: Cluster) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in cluster.objects]
    (namespace,) = cluster.all("Namespace")

    assert len(set(names)) == len(names)
    assert {each["metadata"].get("namespace") for each in cluster.objects if each["kind"] != "Namespace"} == {namespace}


# ---- names


def test_selectors_select_what_they_are_for(cluster: Cluster) -> None:
    for name, each in cluster.sets.items():
        assert cluster.selected(each["spec"]["selector"]["matchLabels"]) == {name}
        assert each["kind"] != "StatefulSet" or each["spec"]["serviceName"] in cluster.all("Service")
    assert "router" in cluster.all("Service")
    for name, service in cluster.all("Service").items():
        assert cluster.selected(service["spec"]["selector"]) == {name}
    for name, budget in cluster.all("PodDisruptionBudget").items():
        assert cluster.selected(budget["spec"]["selector"]["matchLabels"]) == {name}
    for policy in cluster.all("NetworkPolicy").values():
        assert cluster.selected(policy["spec"]["podSelector"].get("matchLabels", {}))


def test_ports_and_paths_are_those_of_the_node_and_of_health(cluster: Cluster) -> None:
    assert [cluster.port("router", name) for name in ("web", "mesh", "insight")] == [WEB, MESH, INSIGHT]
    for name, spec, container in cluster.pods():
        template = cluster.sets[name]["spec"]["template"]
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            look = container.get(probe, {}).get("httpGet")
            if look is not None:
                assert look["path"] == {"readinessProbe": "/readyz", "livenessProbe": "/healthz"}.get(probe, look["path"])
                assert look["path"] in ("/readyz", "/healthz")
                assert cluster.port(name, look["port"]) == INSIGHT
        assert "readinessProbe" in container
        assert name == "postgres" or template["metadata"]["annotations"]["prometheus.io/port"] == str(INSIGHT)
        if "args" in container:
            assert container["args"][-2:] == ["--health", f"0.0.0.0:{cluster.port(name, 'insight')}"]
        assert len({port["containerPort"] for port in container["ports"]}) == len(container["ports"])
        assert spec["terminationGracePeriodSeconds"] > PATIENCE
    assert SETTINGS["insight"]["interface"] == "0.0.0.0"


def test_services_lead_to_ports_that_there_are(cluster: Cluster) -> None:
    for name, service in cluster.all("Service").items():
        for port in service["spec"]["ports"]:
            assert cluster.port(name, port["targetPort"]) == port["port"]
    for ingress in cluster.all("Ingress").values():
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                backend = path["backend"]["service"]
                ports = cluster.all("Service")[backend["name"]]["spec"]["ports"]
                assert backend["port"]["name"] in {port["name"] for port in ports}
            assert f"https://{rule['host']}:443" in NODE["workers"][0]["transports"][0]["paths"]["ws"]["options"]["allowed_origins"]
            assert rule["host"] in [host for tls in ingress["spec"]["tls"] for host in tls["hosts"]]


def test_components_find_the_router_by_its_service_and_their_own_files(cluster: Cluster) -> None:
    configuration = cluster.all("ConfigMap")["mesh"]["data"]

    assert configuration["DELTAMESH_ROUTER"] == f"rss://router:{MESH}"
    assert {"leader", "follower"} <= set(cluster.components)
    for name, role in cluster.components.items():
        (container,) = pod(cluster.sets[name])["containers"]
        environment = {each["name"]: each.get("value") for each in container["env"]}
        assert container["envFrom"][0] == {"configMapRef": {"name": "mesh"}}
        assert PRINCIPALS[environment["DELTAMESH_AUTHID"]]["role"] == role
        for path in (environment["DELTAMESH_TICKET_FILE"], configuration["DELTAMESH_CA_FILE"]):
            assert path in cluster.files(name)


def test_mounts_have_volumes_and_volumes_are_mounted(cluster: Cluster) -> None:
    claims = cluster.all("PersistentVolumeClaim")
    for name, spec, container in cluster.pods():
        templates = {each["metadata"]["name"] for each in cluster.sets[name]["spec"].get("volumeClaimTemplates", [])}
        volumes = {volume["name"] for volume in spec["volumes"]} | templates
        mounts = [mount["name"] for mount in container["volumeMounts"]]
        assert sorted(volumes) == sorted(mounts)
        for volume in spec["volumes"]:
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            assert claim is None or claim in claims


def test_config_maps_have_the_keys_that_are_asked_of_them(cluster: Cluster) -> None:
    maps = cluster.all("ConfigMap")
    asked = [(owner, key) for name in cluster.sets for kind, owner, key in cluster.files(name).values() if kind == "ConfigMap"]

    assert asked
    assert [(owner, key) for owner, key in asked if key not in maps[owner]["data"]] == []
    assert json.loads(maps["node"]["data"]["config.json"]) == NODE


def documented_secrets() -> dict[str, set[str]]:
    """Return the secrets that the guide tells to make, and their keys."""
    text = GUIDE.replace("\\\n", " ")
    made = re.findall(r"kubectl(?: --namespace deltamesh| -n deltamesh)? create secret generic (\w+) (.*)", text)
    return {name: {file.rpartition("/")[2] for file in re.findall(r"--from-file=(\S+)", rest)} for name, rest in made}


def test_secrets_are_made_as_the_guide_says_and_are_in_no_file(cluster: Cluster) -> None:
    asked = {(owner, key) for name in cluster.sets for kind, owner, key in cluster.files(name).values() if kind == "Secret"}
    made = {(name, key) for name, keys in documented_secrets().items() for key in keys}

    assert asked <= made
    assert cluster.all("Secret") == {}
    assert {key for _, key in made} - {"ca.key"} == {key for _, key in made}
    assert [key for _, key in made if key not in (ROOT / "deploy/make-secrets").read_text()] == []


def test_the_router_finds_what_its_script_looks_for(cluster: Cluster) -> None:
    script = (ROOT / "deploy/image/deltamesh-router").read_text()
    folders = dict(re.findall(r"DELTAMESH_(\w+):-([^}]+)\}", script))
    tickets = {f"{who}_ticket" for who in PRINCIPALS}
    mounts = {mount["mountPath"] for mount in pod(cluster.sets["router"])["containers"][0]["volumeMounts"]}

    assert set(cluster.files("router")) == {f"{folders['SECRETS']}/{name}" for name in tickets | {"tls.key", "tls.crt"}} | {
        f"{folders['NODE']}/.crossbar/config.json",
        f"{folders['NODE']}/router/router.toml",
    }
    assert folders["PLACE"] in mounts


def test_programs_are_started_with_options_that_there_are(cluster: Cluster) -> None:
    configuration = cluster.all("ConfigMap")["mesh"]["data"]
    for name, _, container in cluster.pods():
        if "args" in container:
            command, *rest = [re.sub(r"\$\((\w+)\)", lambda match: configuration[match[1]], word) for word in container["args"]]
            known = main.get_command(click.Context(main), command)
            if isinstance(known, click.Group):
                command, *rest = rest
                known = known.get_command(click.Context(known), command)
            assert known is not None
            known.make_parser(click.Context(known)).parse_args(rest)
            assert cluster.components[name] == command
        elif name == "router":
            assert container["command"] == ["deltamesh-router"]


@pytest.mark.parametrize("role", ["leader", "follower"])
def test_the_name_of_a_pod_becomes_the_name_of_a_component(cluster: Cluster, role: str) -> None:
    """`deltamesh-component` puts _ for -, which names of pods of a StatefulSet have before their number."""
    for name in [each for each, has in cluster.components.items() if has == role]:
        (container,) = pod(cluster.sets[name])["containers"]
        (given,) = [each for each in container["env"] if each["name"] == "POD_NAME"]
        assert given["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}
        assert check_name("a component", f"{name}-4".replace("-", "_").replace(".", "_"))


def test_the_image_has_the_version_of_the_packages(cluster: Cluster) -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")
    images = {name: container["image"] for name, _, container in cluster.pods()}
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

    assert {image for name, image in images.items() if name != "postgres"} == {f"deltamesh:{setup['metadata']['version']}"}
    assert images.get("postgres", compose["postgres"]["image"]) == compose["postgres"]["image"]


# ---- what pods may do


def test_pods_are_restricted(cluster: Cluster) -> None:
    """The rules of the pod security standard "restricted", which the namespace enforces, and a root that cannot be written."""
    (namespace,) = cluster.all("Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for _, spec, container in cluster.pods():
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert spec["automountServiceAccountToken"] is False
        assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC", "initContainers"}
        assert [volume for volume in spec["volumes"] if "hostPath" in volume] == []
        assert {"cpu", "memory"} == set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]


def test_pods_run_as_the_user_of_the_image(cluster: Cluster) -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    users = {name: spec["securityContext"]["runAsUser"] for name, spec, _ in cluster.pods()}

    assert {who for name, who in users.items() if name != "postgres"} == {int(user)}
    assert {spec["securityContext"]["fsGroup"] for name, spec, _ in cluster.pods() if name != "postgres"} == {int(user)}


# ---- the journal, and disruptions


def test_leader_and_standby_have_the_same_journal() -> None:
    single, production = Cluster("single-node"), Cluster("production")
    place = single.all("ConfigMap")["mesh"]["data"]["DELTAMESH_JOURNAL"].removeprefix("sqlite:")
    mounts = {mount["mountPath"] for mount in pod(single.sets["leader"])["containers"][0]["volumeMounts"] if mount["name"] == "journal"}
    user = {each["name"]: each.get("value") for each in pod(production.sets["postgres"])["containers"][0]["env"]}
    url = production.all("ConfigMap")["mesh"]["data"]["DELTAMESH_JOURNAL"]

    assert mounts == {place.rstrip("/")}
    assert "postgres" not in single.sets
    assert url == f"postgresql://{user['POSTGRES_USER']}@postgres/{user['POSTGRES_DB']}"
    assert "/run/secrets/postgres_password" in production.files("leader")
    assert "/run/secrets/postgres_password" not in production.files("follower")
    assert [Cluster(name).sets["leader"]["spec"]["replicas"] for name in OVERLAYS] == [2, 2, 2]


def test_parameters_have_the_journal_of_the_overlay(tmp_path: Path) -> None:
    for overlay in ("single-node", "production"):
        cluster = Cluster(with_parameters(tmp_path / overlay, overlay))
        leader, other = [pod(cluster.sets[name]) for name in ("parameters-leader", "leader")]

        assert leader["volumes"] == other["volumes"]
        assert leader["containers"][0]["volumeMounts"] == other["containers"][0]["volumeMounts"]
        assert leader["containers"][0]["envFrom"] == other["containers"][0]["envFrom"]
        assert leader["containers"][0]["args"][1] == "examples.parameters:app"


def test_the_reader_is_told_what_to_read_and_mirrors_it_on_a_volume(tmp_path: Path) -> None:
    cluster = Cluster(with_parameters(tmp_path, "single-node"))
    (reader,) = pod(cluster.sets["parameters-reader"])["containers"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["parameters-reader"]
    variables = {name for name in compose["environment"] if name.startswith("DELTAMESH_PARAMETERS")}

    assert reader["args"][:-1] == compose["command"][:-1]
    assert set(cluster.all("ConfigMap")["parameters"]["data"]) == variables
    assert {"configMapRef": {"name": "parameters"}} in reader["envFrom"]
    assert reader["args"][reader["args"].index("--directory") + 1] in [mount["mountPath"] for mount in reader["volumeMounts"]]
    assert {secret for _, secret, _ in cluster.files("parameters-reader").values()} == {"reader"}
    assert cluster.sets["parameters-reader"]["spec"]["strategy"] == {"type": "Recreate"}


def test_a_drained_node_leaves_a_leader_and_a_follower(cluster: Cluster) -> None:
    budgets = {name: each["spec"]["maxUnavailable"] for name, each in cluster.all("PodDisruptionBudget").items()}

    assert budgets == {name: 1 for name, role in cluster.components.items() if role != "reader"}
    assert cluster.sets["router"]["spec"]["replicas"] == 1
    assert cluster.sets["router"]["spec"]["strategy"] == {"type": "Recreate"}
