# SPDX-License-Identifier: Apache-2.0
"""What deploy/ has for Prometheus and Grafana asks for metrics, labels and values that there are (docs/monitoring.md, which a test
holds to what a resolver tells); each alert says how long, what and what to do. promtool checks the rules where it is installed."""
import json
import re
import shutil
import subprocess

from tree import ROOT, finish, read

ALERTS, DASHBOARD = "deploy/prometheus/alerts.yml", "deploy/grafana/verdict.json"
NAME = re.compile(r"\b((?:verdict|process)_\w+)(?:\{([^}]*)\})?")


def listed():
    """{name: labels}, as samples are called: a histogram has three of them."""
    part = read("docs/monitoring.md").split("## /metrics")[1].split("\n## ")[0]
    found = {}
    for name, labels, kind in re.findall(r"^\| `(\w+)`(?:\{(.*?)\})? \| (\w+) \|", part, flags=re.M):
        names = {"histogram": [f"{name}_bucket", f"{name}_sum", f"{name}_count"]}.get(kind, [name])
        found.update({one: {*labels.split(","), "instance", "job", "le"} for one in names})
    return found


def expressions():
    rules = read(ALERTS)
    for expression in re.findall(r"^ +expr: (.+)$", rules, flags=re.M):
        yield ALERTS, expression
    for panel in json.loads(read(DASHBOARD))["panels"]:
        for target in panel.get("targets", []):
            yield DASHBOARD, target["expr"]


def rules_wrong():
    rules = re.split(r"^ +- alert: ", read(ALERTS), flags=re.M)[1:]
    for rule in rules:
        name = rule.split("\n", 1)[0]
        for key in ("expr", "for", "severity", "summary", "description"):
            if not re.search(rf"^ +{key}: .+", rule, flags=re.M):
                yield f"{ALERTS}: {name} has no {key}"
    if len(rules) < 5:
        yield f"{ALERTS}: it cannot be read"


def main():
    known, wrong, checked = listed(), list(rules_wrong()), 0
    for path, expression in expressions():
        names = NAME.findall(expression)
        if not names:
            wrong.append(f"{path}: {expression} asks for nothing of ours")
        for name, matchers in names:
            checked += 1
            if name not in known:
                wrong.append(f"{path}: there is no metric {name}")
                continue
            for label in re.findall(r"(\w+)\s*[=!]~?", matchers):
                if label not in known[name]:
                    wrong.append(f"{path}: {name} has no label {label}")
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "rules", ROOT / ALERTS], text=True, capture_output=True, timeout=60, check=False)
        if done.returncode != 0:
            wrong.append(f"promtool: {done.stdout}{done.stderr}")
    finish(wrong, checked)


main()
