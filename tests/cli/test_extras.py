"""What `deltamesh run --with` runs beside the mesh."""

from __future__ import annotations

import sys

from deltamesh.cli.formation import extras


def test_python_and_deltamesh_are_those_of_the_environment_that_we_are_in():
    commands = [["python", "-m", "examples.salesman.orchestrator"], ["deltamesh", "worker", "examples.salesman"], ["sh", "-c", "true"]]
    programs = extras([*commands, commands[1], ["deltamesh"]])

    assert [program.name for program in programs] == ["examples.salesman.orchestrator", "worker", "sh", "worker-2", "deltamesh"]
    assert [list(program.command) for program in programs] == [
        [sys.executable, "-m", "examples.salesman.orchestrator"],
        [sys.executable, "-m", "deltamesh", "worker", "examples.salesman"],
        ["sh", "-c", "true"],
        [sys.executable, "-m", "deltamesh", "worker", "examples.salesman"],
        [sys.executable, "-m", "deltamesh"],
    ]
