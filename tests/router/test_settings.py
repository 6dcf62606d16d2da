"""What `router/router.toml` may say, what it means, and what is said about mistakes in it."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deltamesh_router.settings import settingsfile
from deltamesh_router.settings.settings import DEFAULT, CallRule, Insight, Limits, LiveSettings, Settings, differences
from deltamesh_router.settings.settingsfile import SettingsError, Source, parsed, read, source
from tests.running_router import ROOT

POLL = '[[calls]]\nuri = "com.example.poll.open"\n'


def rule(uri: str, match: Any = "exact") -> CallRule:
    return CallRule(uri=uri, match=match)


# ---- which rule it is


SEVERAL = Settings(
    calls=(
        rule("", "prefix"),
        rule("com.example.", "prefix"),
        rule("com.example.poll.", "prefix"),
        rule("com.example.poll.open"),
        rule("org..open", "wildcard"),
        rule("org.shop.", "wildcard"),
        rule("..", "wildcard"),
    )
)


@pytest.mark.parametrize(
    ("uri", "decides"),
    [
        ("com.example.poll.open", "com.example.poll.open"),  # exact, though prefixes fit
        ("com.example.poll.opener", "com.example.poll."),  # the longest prefix
        ("com.example.poll.", "com.example.poll."),
        ("com.example.pol", "com.example."),
        ("com.example", ""),
        ("org.shop.open", "org..open"),  # the first wildcard that fits, though another one fits as well
        ("org.shop.close", "org.shop."),
        ("a.b.c", ".."),
        ("a.b", ""),  # a wildcard has as many parts as what it fits
        ("a.b.c.d", ""),
        ("", ""),
    ],
)
def test_one_rule_decides(uri: str, decides: str) -> None:
    assert SEVERAL.rule_for(uri).uri == decides


def test_the_order_of_wildcards_decides_and_that_of_other_rules_does_not() -> None:
    reverse = Settings(calls=SEVERAL.calls[::-1])

    assert reverse.rule_for("com.example.poll.opener").uri == "com.example.poll."
    assert reverse.rule_for("org.shop.open").uri == ".."


def test_what_no_rule_fits_has_the_defaults() -> None:
    assert Settings(calls=(rule("com.example.poll.open"),)).rule_for("com.example.shop.open") == CallRule()
    assert DEFAULT.rule_for("com.example.shop.open") == CallRule()


def test_the_same_rule_is_found_again_without_a_search(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(calls=(rule("com.example.", "prefix"),))
    first = settings.rule_for("com.example.poll.open")
    monkeypatch.setattr(settings._rules, "_find", None)

    assert settings.rule_for("com.example.poll.open") is first


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deltamesh_router.settings.settings.MAX_KNOWN_URIS", 10)
    for number in range(25):
        assert SEVERAL.rule_for(f"com.example.{number}").uri == "com.example."

    assert len(SEVERAL._rules._known) <= 10


def test_other_settings_have_other_rules() -> None:
    live = LiveSettings(parsed(POLL + "tries = 2"))
    assert live.current.rule_for("com.example.poll.open").tries == 2
    live.replace(parsed(POLL + "tries = 3"))

    assert live.current.rule_for("com.example.poll.open").tries == 3


def test_listeners_are_told_after_each_change() -> None:
    live = LiveSettings()
    seen: list[int] = []
    live.on_change(lambda: seen.append(live.current.limits.max_calls))
    live.replace(parsed("[limits]\nmax_calls = 7"))
    live.replace(DEFAULT)

    assert seen == [7, Limits().max_calls]


# ---- what the file says


def test_an_empty_file_says_that_everything_has_its_default() -> None:
    assert parsed("") == DEFAULT == Settings()


def test_everything_can_be_set() -> None:
    settings = parsed("""
        [limits]
        max_calls = 1
        max_pending = 2
        max_sessions = 3
        [roles."some role"]
        max_calls = 4
        [insight]
        interface = "::1"
        port = 8081
        [[calls]]
        uri = "com.example.poll.open"
        max_waiting = 0
        max_wait = 5
        tries = 6
        choose = "affinity"
        key = "user"
        [[calls]]
        uri = "com.example."
        match = "prefix"
        choose = "affinity"
        key = 1
    """)

    assert settings == Settings(
        limits=Limits(max_calls=1, max_pending=2, max_sessions=3),
        roles={"some role": Limits(max_calls=4, max_pending=2, max_sessions=3)},
        insight=Insight(interface="::1", port=8081),
        calls=(
            CallRule(uri="com.example.poll.open", max_waiting=0, max_wait=5.0, tries=6, choose="affinity", key="user"),
            CallRule(uri="com.example.", match="prefix", choose="affinity", key=1),
        ),
    )


def test_what_a_role_does_not_say_is_as_for_everybody() -> None:
    settings = parsed("[limits]\nmax_calls = 7\n[roles.browser]\nmax_sessions = 8")

    assert settings.limits_for("browser") == Limits(max_calls=7, max_sessions=8)
    assert settings.limits_for("component") == settings.limits_for(None) == Limits(max_calls=7)


def test_the_settings_of_the_repository_are_sound() -> None:
    settings = read(ROOT / "router" / "router.toml")
    rules = {name: settings.rule_for(f"com.example.{name}") for name in ("hackernews.open", "departures.read", "hackernews.upvote")}

    assert [each.tries for each in rules.values()] == [3, 3, 1]
    assert settings.rule_for("com.example.salesman.anneal").choose == "least_loaded"  # else a browser could register it for itself alone
    assert settings.limits_for("component").max_pending > settings.limits_for("browser").max_pending


def test_the_settings_of_the_repository_say_the_defaults_that_they_name() -> None:
    assert read(ROOT / "router" / "router.toml").limits == Limits()


# ---- mistakes


MISTAKES = {
    "x": "it is not TOML: Expected '=' after a key in a key/value pair (at line 1, column 2, the end of the file)",
    "\n\nmax calls = 1\n": "it is not TOML: Expected '=' after a key in a key/value pair (at line 3, column 5)",
    "x = " + "[" * 5000: "something in it is nested too deeply: settings are tables of plain values",
    "x = " + "1" * 5000: "a number in it has thousands of digits: write a smaller one",
    "limit = 1": "limit is unknown: did you mean limits?",
    "colour = 1": "colour is unknown: there are calls, limits, roles, insight",
    "limits = 1": "limits is 1: write [limits] on a line of its own, and below it what is set",
    "[limits]\nmax_cals = 1": "limits.max_cals is unknown: did you mean max_calls?",
    "[limits]\nmax_calls = 0": "limits.max_calls is 0: write a whole number, 1 or more",
    "[limits]\nmax_calls = true": "limits.max_calls is true: write a whole number, 1 or more",
    "[limits]\nmax_calls = inf": "limits.max_calls is Infinity: write a whole number, 1 or more",
    "[limits]\nmax_pending = 1.5": "limits.max_pending is 1.5: write a whole number, 1 or more",
    "[roles]\nbrowser = 1": "roles.browser is 1: write [roles.browser] on a line of its own, and below it what is set",
    "[roles.browser]\nmax_session = 1": "roles.browser.max_session is unknown: did you mean max_sessions?",
    "[insight]\nport = 65536": "insight.port is 65536: write a whole number from 0 to 65535",
    "[insight]\ninterface = 1": "insight.interface is 1: write text in quotes",
    '[calls]\nuri = "a"': "calls is not a list: write [[calls]], with two brackets, above each rule",
    "[[calls]]\ntries = 2": 'calls[0] has no uri: write a URI such as "com.example.poll.open", or add match = "prefix" or "wildcard"',
    '[[calls]]\nuri = "com.x."': (
        'calls[0].uri "com.x.": write a URI such as "com.example.poll.open", or add match = "prefix" or "wildcard"'
    ),
    '[[calls]]\nuri = "com x"': 'calls[0].uri "com x": write a URI such as "com.example.poll.open"',
    '[[calls]]\nuri = "#"\nmatch = "prefix"': 'calls[0].uri "#": write the beginning of URIs, such as "com.example.poll.", or "" for all',
    '[[calls]]\nmatch = "prefix"': 'calls[0] has no uri: write the beginning of URIs, such as "com.example.poll.", or "" for all',
    '[[calls]]\nuri = "a"\nmatch = "wildcard"': (
        'calls[0].uri "a": write a URI without the parts that may be anything, such as "com.example..open"'
    ),
    '[[calls]]\nuri = "a"\nmatch = "prefx"': 'calls[0].match (of "a") is "prefx": write "exact" or "prefix" or "wildcard"',
    '[[calls]]\nuri = ""\nmatch = "prefix"\n' + POLL + "max_wait = -1": (
        'calls[1].max_wait (of "com.example.poll.open") is -1: write a number above 0, at most 86400'
    ),
    POLL + "max_wait = nan": 'calls[0].max_wait (of "com.example.poll.open") is NaN: write a number above 0, at most 86400',
    POLL + 'max_wait = "soon"': 'calls[0].max_wait (of "com.example.poll.open") is "soon": write a number above 0, at most 86400',
    POLL + "tries = 1979-05-27": 'calls[0].tries (of "com.example.poll.open") is "1979-05-27": write a whole number from 1 to 100',
    POLL + "max_wiat = 1": "calls[0].max_wiat is unknown: did you mean max_wait?",
    POLL + "key = 1": 'calls[0].key is of no use without choose = "affinity": add that, or remove the key',
    POLL + 'choose = "affinity"\nkey = 1.5': (
        'calls[0].key (of "com.example.poll.open") is 1.5: write a whole number, 0 or more or text in quotes'
    ),
    POLL + POLL + 'match = "exact"': "calls[1] is for exact 'com.example.poll.open', as calls[0] is: make one of them",
}


@pytest.mark.parametrize("text", MISTAKES, ids=[re.sub(r"\s+", " ", text)[-30:] for text in MISTAKES])
def test_a_mistake_is_told_with_its_place_and_a_remedy(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parsed(text)

    assert str(caught.value) == MISTAKES[text]


def test_a_mistake_is_told_with_the_name_of_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "router").mkdir()
    file = tmp_path / "router" / "router.toml"
    file.write_text("[limits]\nmax_calls = -1")
    monkeypatch.chdir(tmp_path)

    with pytest.raises(SettingsError, match=r"^router/router\.toml: limits\.max_calls is -1: write a whole number, 1 or more$"):
        read(file)


def test_the_same_uri_may_have_a_rule_for_each_way_to_match() -> None:
    assert len(parsed('[[calls]]\nuri = "a.b"\n[[calls]]\nuri = "a.b"\nmatch = "prefix"').calls) == 2


def test_what_is_repeated_of_a_mistake_is_short() -> None:
    with pytest.raises(SettingsError) as caught:
        parsed(f'[limits]\n"{"x" * 5000}" = 1')
    assert len(str(caught.value)) < 300
    with pytest.raises(SettingsError) as caught:
        parsed(f'[limits]\nmax_calls = "{"x" * 5000}"')
    assert len(str(caught.value)) < 300


def unreadable(path: Path) -> None:
    path.write_bytes(b"# \xff")


def huge(path: Path) -> None:
    path.write_text("#" * (settingsfile.MAX_FILE + 1))


def bound(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "there is no such file: name another one with --settings"),
        (Path.mkdir, "it is not a file: name one with --settings"),
        (os.mkfifo, "it is not a file: name one with --settings"),
        (bound, "it cannot be read (No such device or address): make it readable for the user who runs the router"),
        (unreadable, "line 1 is not UTF-8: save it as that"),
        (huge, "it has more than 1048576 bytes: rules with a prefix or a wildcard need less"),
    ],
)
def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, make: Any, reason: str) -> None:
    path = tmp_path / "x.toml"
    make(path)
    with pytest.raises(SettingsError) as caught:
        read(path)

    assert str(caught.value) == f"{path}: {reason}"


# ---- where they come from


def test_the_file_beside_the_node_directory_is_used_if_it_exists(tmp_path: Path) -> None:
    origin = source(tmp_path / ".crossbar", None, None)
    assert origin.read() == DEFAULT
    (tmp_path / "router").mkdir()
    (tmp_path / "router" / "router.toml").write_text("[limits]\nmax_calls = 7")

    assert origin.read().limits.max_calls == 7


def test_a_file_that_is_named_must_exist(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there is no such file"):
        source(tmp_path / ".crossbar", tmp_path / "x.toml", None).read()


def test_the_port_of_the_command_line_goes_before_that_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text('[insight]\ninterface = "::1"\nport = 8081')

    assert source(tmp_path, tmp_path / "x.toml", 9000).read().insight == Insight(interface="::1", port=9000)
    assert source(tmp_path / ".crossbar", None, 9000).read() == Settings(insight=Insight(port=9000))


def test_the_worker_inherits_where_the_settings_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {})
    with pytest.raises(SettingsError, match="let it inherit the environment"):
        Source.inherited()
    origin = Source("/somewhere/ä.toml", is_optional=True, insight_port=9000)
    origin.export()

    assert Source.inherited() == origin


# ---- what has changed


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", []),
        ("", "[limits]\nmax_calls = 7", ["limits.max_calls 10000 -> 7"]),
        ("[roles.a]\nmax_calls = 1", "[roles.b]\nmax_calls = 2", ["roles.a.max_calls 1 -> 10000", "roles.b.max_calls 10000 -> 2"]),
        (POLL, "", ["calls exact 'com.example.poll.open' is gone"]),
        ("", POLL, ["calls exact 'com.example.poll.open' is new"]),
        (POLL, POLL + "max_wait = 5", ["calls exact 'com.example.poll.open'.max_wait 60.0 -> 5.0"]),
        ("[limits]\nmax_calls = 1\nmax_pending = 2", "", ["limits.max_calls 1 -> 10000", "limits.max_pending 2 -> 4194304"]),
        (POLL + '[[calls]]\nuri = "b"', '[[calls]]\nuri = "b"\n' + POLL, ["the order of calls"]),
        ("", "[insight]\nport = 8081", ["insight.port None -> 8081"]),
    ],
)
def test_changes_are_told_one_by_one(old: str, new: str, expected: list[str]) -> None:
    assert differences(parsed(old), parsed(new)) == expected


# ---- the documents


def test_every_setting_is_in_the_table_with_its_default() -> None:
    rows = re.findall(r"^\| `\[?\[?([\w.<>]+)\]?\]?` \| `(\w+)` \| (.+?) \|", (ROOT / "router" / "README.md").read_text(), re.MULTILINE)
    documented = {(table, name): default for table, name, default in rows}
    kinds: dict[str, type[msgspec.Struct]] = {"limits": Limits, "calls": CallRule, "insight": Insight}
    defined = {
        (table, name): default for table, kind in kinds.items() for name, default in msgspec.structs.asdict(kind()).items()
    }

    assert documented.keys() == defined.keys()
    for place, default in defined.items():
        shown = documented[place].strip("`")
        assert shown in {str(default), f'"{default}"', {None: "none", 4 * 1024 * 1024: "4194304"}.get(default)}, place
