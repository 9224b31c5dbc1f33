# SPDX-License-Identifier: Apache-2.0
"""docs/cli.md says what the program does: verbs, commands, fields of JSON. (Settings: docs/configuration.md.)"""
import json
import pathlib
import re
import signal
import subprocess

from cli import cluster, environment, verdict  # noqa: F401 (fixtures)
from waiting import PATIENCE_S

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")


def section(verb):
    return re.search(rf"^## {verb}\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)[1]


def table(text, heading):
    """The rows below a heading cell, as lists of cells."""
    found = re.search(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)*)", text, re.M)
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in found[1].splitlines()]


def test_verbs(verdict):
    told = re.findall(r"^  (\w+) ", verdict("--help").good().stdout, re.M)
    assert sorted(told) == sorted(re.findall(r"^## (\w+)$", PAGE, re.M))


def test_commands(verdict, cluster):
    told = verdict("shell", dsn=cluster, stdin="help\n").good().stdout
    ours = re.findall(r"^  (\S[^\n]*?) *\n {8}(\S.*)$", told, re.M)
    said = [(cells[0].strip("`"), cells[1]) for cells in table(section("exec"), "command")]
    assert said == ours


def fields(verb, heading):
    return {cells[0].strip("`") for cells in table(section(verb), heading)}


def test_fields_of_status(verdict, cluster):
    assert fields("status", "field of status") == set(verdict("status", "--json", dsn=cluster).good().json_lines[0])


def test_fields_of_observe(verdict, program, cluster):
    process = subprocess.Popen([program("cli/verdict"), "observe", "--json"], stdout=subprocess.PIPE, text=True,
                               env=environment(VERDICT_DSN=cluster))
    seen = [json.loads(process.stdout.readline())]
    refused = json.dumps({"ops": [["set", "docs", "x"]], "reads": [["docs", "docs\\x00"]]}) + "\n"
    verdict("submit", dsn=cluster, stdin=refused * 100)
    kinds = set()
    while not {"listening", "batch", "verdict"} <= {event["event"] for event in seen} or len(kinds) < 2:
        seen.append(json.loads(process.stdout.readline()))
        kinds = {event["verdict"] for event in seen if event["event"] == "verdict"}
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE_S)
    assert set().union(*seen) | {"reason"} == fields("observe", "field of observe")


def test_fields_of_verdicts(verdict, cluster):
    lines = [{"id": "x", "ops": [["set", "docs", "x"]], "reads": [["docs", "docs\\x00"]]}] * 100
    text = "\n".join(map(json.dumps, lines)) + '\n{"ops":[["set","\\\\xff","x"]]}\n'
    seen = verdict("submit", dsn=cluster, stdin=text).json_lines + verdict("submit", "--retry", dsn=cluster, stdin=text).json_lines
    assert set().union(*seen) == fields("submit", "field of a verdict")
    assert {line["verdict"] for line in seen} >= {"committed", "conflict", "rejected"}


def test_fields_of_doctor(verdict, cluster):
    lines = verdict("doctor", "--json", dsn=cluster).good().json_lines
    assert fields("doctor", "field of doctor") == set().union(*lines)
    checks = [name for cells in table(section("doctor"), "check") for name in re.findall(r"`([\w…-]+)`", cells[0])]
    told = {re.sub(r"^table-.*", "table-…", line["check"]) for line in lines}
    assert told <= set(checks) and set(checks) - told <= {"settings", "sessions"}
    assert {line["level"] for line in lines} <= fields("doctor", "level") == {"ok", "warning", "problem", "unseen"}


def test_fields_of_clients(verdict, cluster):
    verdict("exec", "set docs 1", dsn=cluster).good()
    assert fields("clients", "field of clients") == set().union(*verdict("clients", "--json", dsn=cluster).good().json_lines)


def test_fields_of_dump_and_load(verdict, cluster, tmp_path):
    verdict("exec", "set only/x 1", dsn=cluster).good()
    dumped = verdict("dump", str(tmp_path / "f"), "--json", "--prefix", "only/", dsn=cluster).good().json_lines[0]
    loaded = verdict("load", str(tmp_path / "f"), "--json", "--prefix", "only/", "--replace", dsn=cluster).good().json_lines[0]
    split = {name for cell in fields("dump", "field of dump") for name in re.split("`, `", cell)}
    assert split == set(dumped)
    split = {name for cell in fields("load", "field of load") for name in re.split("`, `", cell)}
    assert split == set(loaded)
