"""`docker-compose.yml` is of the published form, what it names exists, and it gives nobody more than is needed."""

from __future__ import annotations

import importlib
import importlib.util
import re
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import click
import pytest

from deltamesh.cli.command import main
from deltamesh.cli.component import PATIENCE
from deltamesh.journal.opening import path_of
from tests.deploy.composed import COMPOSE, interpolated
from tests.deploy.node import INSIGHT, MESH, PRINCIPALS, WEB
from tests.running_router import ROOT

SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = sorted(set(SERVICES) - {"postgres"})
COMPONENTS = ["leader", "standby", "follower"]
PARAMETERS = ["parameters-leader", "parameters-follower"]
READER = "parameters-reader"


def with_defaults(text: str) -> str:
    """Return `text` as it is when no variable is set."""
    return interpolated(text, {})


def mounts(service: dict[str, Any]) -> dict[str, str]:
    """Return the files that a service finds in its container, and what they are here; other kinds of mounts have no file."""
    secrets = {f"/run/secrets/{name}": COMPOSE["secrets"][name]["file"] for name in service.get("secrets", [])}
    configs = {each["target"]: COMPOSE["configs"][each["source"]]["file"] for each in service.get("configs", [])}
    return secrets | configs


@pytest.mark.skipif(importlib.util.find_spec("check_jsonschema") is None, reason="check-jsonschema, which has the schema, is not installed")
def test_it_is_what_the_compose_specification_says() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_it_has_the_services_of_a_mesh() -> None:
    always = {name for name, service in SERVICES.items() if "profiles" not in service}

    assert always == {"router", "leader", "standby", "follower"}
    assert {name: service["profiles"] for name, service in SERVICES.items() if name not in always} == {
        "postgres": ["postgres"],
        "feeder": ["demo"],
        **{name: ["parameters"] for name in (*PARAMETERS, READER)},
    }


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_names_exists(name: str) -> None:
    service = SERVICES[name]
    volumes = {each.partition(":")[0] for each in service.get("volumes", [])}

    assert set(service["networks"]) <= set(COMPOSE["networks"])
    assert volumes <= set(COMPOSE["volumes"])
    assert set(service.get("depends_on", {})) <= set(SERVICES)
    assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    for other, condition in service.get("depends_on", {}).items():
        assert condition["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]
        assert "profiles" not in SERVICES[other] or condition["required"] is False
    for value in service.get("environment", {}).values():
        if value.startswith("/run/secrets/"):
            assert value in mounts(service), f"{value} is not given to {name}"


def test_everything_that_is_declared_is_used_and_every_file_is_there() -> None:
    for kind in ("secrets", "configs", "networks"):
        used = [each for service in SERVICES.values() for each in service.get(kind, [])]
        assert {each if isinstance(each, str) else each["source"] for each in used} == set(COMPOSE[kind])
    for config in COMPOSE["configs"].values():
        assert (ROOT / config["file"]).is_file()
    for name, secret in COMPOSE["secrets"].items():
        assert secret == {"file": f"deploy/secrets/{name}"}
        assert name in (ROOT / "deploy/make-secrets").read_text()


@pytest.mark.parametrize("name", SERVICES)
def test_no_process_may_do_more_than_it_needs(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"].split(":")[0] not in ("0", "root")
    assert not service.keys() & {"privileged", "cap_add", "container_name", "network_mode", "pid", "devices"}
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_process_is_started_again_and_given_time_to_leave(name: str) -> None:
    service = SERVICES[name]

    assert service["restart"] == "unless-stopped"
    assert int(service["stop_grace_period"].removesuffix("s")) > PATIENCE
    assert "healthcheck" in service or name == "feeder"


def test_only_the_pages_are_published_and_only_on_this_machine() -> None:
    assert {name: service["ports"] for name, service in SERVICES.items() if "ports" in service} == {"router": [f"127.0.0.1:{WEB}:{WEB}"]}
    assert {name for name, network in COMPOSE["networks"].items() if not network.get("internal")} == {"web", "git"}
    assert [name for name, service in SERVICES.items() if "web" in service["networks"]] == ["router"]


def test_only_the_reader_of_parameters_gets_out() -> None:
    assert [name for name, service in SERVICES.items() if "git" in service["networks"]] == [READER]
    assert [name for name, service in SERVICES.items() if "git_token" in service.get("secrets", [])] == [READER]


def test_the_database_is_reached_by_who_keeps_a_journal_and_by_nobody_else() -> None:
    assert {name for name, service in SERVICES.items() if "journal" in service["networks"]} == {
        *("leader", "standby", "parameters-leader"),
        "postgres",
    }
    assert SERVICES["postgres"]["networks"] == ["journal"]


@pytest.mark.parametrize("name", ["follower", "parameters-follower"])
def test_followers_can_be_scaled(name: str) -> None:
    follower = SERVICES[name]

    assert not follower.keys() & {"container_name", "ports", "hostname"}
    assert "--name" not in follower["command"]


def test_leader_and_standby_are_equal_and_share_a_journal_on_a_volume() -> None:
    leader, standby = SERVICES["leader"], SERVICES["standby"]
    (volume,) = leader["volumes"]
    journal = with_defaults(leader["environment"]["DELTAMESH_JOURNAL"])

    assert leader | {"depends_on": None} == standby | {"depends_on": None}
    assert journal == f"sqlite:{volume.partition(':')[2]}/"


def test_parameters_have_a_journal_of_their_own_in_the_same_place() -> None:
    leader, other = SERVICES["parameters-leader"], SERVICES["leader"]
    folder = f"{leader['volumes'][0].partition(':')[2]}/"
    journal = with_defaults(leader["environment"]["DELTAMESH_JOURNAL"])

    assert (leader["volumes"], leader["environment"]) == (other["volumes"], other["environment"])
    assert path_of(journal, "com.example.parameters") == Path(folder, "com.example.parameters.sqlite")
    assert path_of(journal, "com.example.hackernews") != path_of(journal, "com.example.parameters")


def test_the_mirror_of_the_repository_is_on_a_volume_that_the_user_of_the_image_may_write() -> None:
    reader = SERVICES[READER]
    (volume,) = reader["volumes"]
    folder = volume.partition(":")[2]

    assert reader["command"][reader["command"].index("--directory") + 1] == folder
    assert f"COPY --from=package --chown=10001:10001 /build/empty {folder}\n" in (ROOT / "Dockerfile").read_text()
    assert volume not in SERVICES["leader"]["volumes"]


def test_the_reader_is_told_by_variables_what_to_read() -> None:
    command, *rest = SERVICES[READER]["command"][1:]
    known = main.get_command(click.Context(main), "parameters")
    assert isinstance(known, click.Group)
    reader = known.get_command(click.Context(known), command)
    assert reader is not None
    values, _, _ = reader.make_parser(click.Context(reader)).parse_args(list(rest))
    told = {parameter.envvar for parameter in reader.params if parameter.envvar} - {"DELTAMESH_HEALTH"}
    variables = {name: value for name, value in SERVICES[READER]["environment"].items() if name.startswith("DELTAMESH_PARAMETERS")}

    assert values["service"] == importlib.import_module("examples.parameters").app.uris.prefix
    assert len(rest) == 5  # the repository is no word of it
    assert told == set(variables)
    assert variables == {name: f"${{{name}:-}}" for name in variables}


@pytest.mark.parametrize("name", [*COMPONENTS, *PARAMETERS])
def test_a_component_is_started_with_options_that_there_are(name: str) -> None:
    command, application, *options = SERVICES[name]["command"]
    known = main.get_command(click.Context(main), command)
    assert known is not None

    assert with_defaults(application) == ("examples.parameters:app" if name in PARAMETERS else "examples.hackernews:app")
    known.make_parser(click.Context(known)).parse_args([application, *options])


@pytest.mark.parametrize("name", ["router", *COMPONENTS, *PARAMETERS, READER])
def test_a_health_check_looks_where_health_is_told(name: str) -> None:
    service = SERVICES[name]
    code = service["healthcheck"]["test"][-1]

    assert (f'HTTPConnection("127.0.0.1", {INSIGHT}' in code, '"/readyz"' in code) == (True, True)
    if name != "router":
        assert service["command"][-2:] == ["--health", f"127.0.0.1:{INSIGHT}"]


@pytest.mark.parametrize("name", [*COMPONENTS, *PARAMETERS, READER, "feeder"])
def test_a_component_finds_the_router_and_proves_who_it_is(name: str) -> None:
    environment = SERVICES[name]["environment"]
    who = environment["DELTAMESH_AUTHID"]

    assert environment["DELTAMESH_ROUTER"] == f"rss://router:{MESH}"
    assert set(SERVICES["router"]["networks"]) & set(SERVICES[name]["networks"]) == {"mesh"}
    assert environment["DELTAMESH_TICKET_FILE"] == f"/run/secrets/{who}_ticket"
    assert PRINCIPALS[who] == {"ticket": f"${{{who.upper()}_TICKET}}", "role": who}


def test_the_router_is_given_the_secrets_of_its_node() -> None:
    tickets = {f"{who}_ticket" for who in PRINCIPALS}

    assert set(SERVICES["router"]["secrets"]) == tickets | {"tls.key", "tls.crt"}
    assert set(mounts(SERVICES["router"]).values()) > {"deploy/node/.crossbar/config.json", "deploy/node/router/router.toml"}


def test_the_image_is_made_here_and_has_the_version_of_the_packages() -> None:
    setup = ConfigParser()
    setup.read(ROOT / "setup.cfg")

    assert {with_defaults(SERVICES[name]["image"]) for name in OURS} == {f"deltamesh:{setup['metadata']['version']}"}
    assert {name for name in OURS if "build" in SERVICES[name]} == {"router"}
    assert {SERVICES[name]["pull_policy"] for name in OURS if name != "router"} == {"never"}


def test_folders_that_are_written_are_volumes_or_in_memory() -> None:
    script = (ROOT / "deploy/image/deltamesh-router").read_text()
    written = Path(re.findall(r"DELTAMESH_PLACE:-([^}]+)\}", script)[0])

    assert str(written) in {each.partition(":")[0] for each in SERVICES["router"]["tmpfs"]}
    assert all(any(each.startswith("/tmp:") for each in service["tmpfs"]) for service in SERVICES.values())
