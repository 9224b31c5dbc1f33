# SPDX-License-Identifier: Apache-2.0
"""manual.py [--write] RESOLVER CLI: the man pages in deploy/man and the completion in deploy/completion are what the programs
themselves tell by --help and --settings-json; --write puts them there. The completion is valid shell, and groff reads the pages without a warning."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from tree import ROOT, finish

FILES = {"verdict.1": ROOT / "deploy/man/verdict.1", "verdict-resolver.8": ROOT / "deploy/man/verdict-resolver.8",
         "verdict.bash": ROOT / "deploy/completion/verdict.bash"}
COMMON = {"config": "reads settings from a file of lines \"name = value\", # begins a comment", "help": "prints this"}


def output(*command):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VERDICT_")}
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, check=True, timeout=120, env=kept).stdout


class Program:
    """A program, or a verb of one: name, how it is used, what it says about itself, its settings."""

    def __init__(self, *command):
        told = output(*command, "--help")
        self.usage = told.splitlines()[0].removeprefix("usage: ")
        about = re.search(r"\A.*?\n\n(.*?)\n\nsettings, ", told, re.S)
        self.about = " ".join(about[1].split()) if about else ""
        listed = json.loads(output(*command, "--settings-json"))
        self.name, self.settings = listed["program"], listed["settings"]


# ---- pages ----

def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    text = re.sub(r"([|,])(?=\S)", r"\1\\:", text)  # a line may end there
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)


def setting(row):
    value = "" if row["type"] == "bool" else " \\fI" + roff(row.get("choices", row["type"])) + "\\fR"
    more = [f"default {row['default']}"] if row["default"] else []
    more += [row["range"]] if row.get("range") else []
    text = row["help"] + (f" ({', '.join(more)})" if more else "")
    return f".TP\n\\fB{roff('--' + row['name'])}\\fR{value}\n{roff(text)}. [{roff(row['environment'])}]"


def settings_of(program):
    rows = [setting(row) for row in program.settings]
    rows += [f".TP\n\\fB{roff('--' + name)}\\fR{' ' + chr(92) + 'fIfile' + chr(92) + 'fR' if name == 'config' else ''}\n{roff(text)}."
             for name, text in COMMON.items()]
    return "\n".join(rows)


def page(name, section, title, parts):
    head = f'.\\" SPDX-License-Identifier: Apache-2.0\n.\\" Written by tests/house/manual.py --write.\n.TH {name.upper()} {section} "" "Verdict" "{title}"\n'
    return head + "\n".join(f".SH {heading}\n{text.rstrip()}" for heading, text in parts) + "\n"


SETTINGS = ("Each setting may be given as a flag (--name value or --name=value; a bool also as --name and --no-name), in the environment (its name"
            " is in brackets), or in the file that --config or VERDICT_CONFIG names, as a line \"name = value\". The flag wins over the environment, and that over the file.")


def page_of_verdict(cli, verbs):
    whole = output(cli, "--help")
    exits = [("0", "done"), ("1", "a verdict that is not committed, or a check that failed"),
             ("2", "wrong use, a malformed line, or an unreachable database"), ("130", "after Ctrl-C")]
    said = " ".join(whole.split())
    assert all(f"{code} {text}" in said or text in said for code, text in exits), whole
    body = ["Without \\fB\\-\\-dsn\\fR, libpq's own variables (PGHOST, PGSERVICE and so on) say where the database is."]
    for program, summary in verbs:
        body.append(f".SS {roff(program.name)}\n{roff(summary[0].upper() + summary[1:])}.\n.PP\n.B {roff(program.usage)}\n.PP\n{roff(program.about)}\n"
                    f"{settings_of(program)}")
    return page("verdict", 1, "User Commands", [
        ("NAME", "verdict \\- the command line of a strictly serializable, ordered key\\-value store on one PostgreSQL"),
        ("SYNOPSIS", ".B verdict\n.I verb\n[settings] [arguments]\n.br\n.B verdict\n.I verb\n.B \\-\\-help\n.br\n.B verdict \\-\\-help\n|\n.B \\-\\-version"),
        ("DESCRIPTION", roff("Standard output carries results; what is wrong is one line on standard error, and where something can be done about it"
                             " another one that begins with \"hint:\".") + "\n.PP\n" + roff(SETTINGS)),
        ("VERBS", "\n".join(body)),
        ("EXIT STATUS", "\n".join(f".TP\n{code}\n{roff(text)}." for code, text in exits)),
        ("SEE ALSO", ".BR verdict\\-resolver (8),\n.BR psql (1)")])


def page_of_resolver(resolver):
    return page("verdict-resolver", 8, "System Administration", [
        ("NAME", "verdict\\-resolver \\- one node of Verdict"),
        ("SYNOPSIS", ".B verdict\\-resolver\n[settings]"),
        ("DESCRIPTION", roff(resolver.about) + "\n.PP\n" + roff(SETTINGS)),
        ("SETTINGS", settings_of(resolver)),
        ("SIGNALS", ".TP\nSIGTERM, SIGINT\n" + roff("finishes what is queued, hands over, and ends with 0; a second one ends it at once.")),
        ("EXIT STATUS", ".TP\n0\nit was asked to stop.\n.TP\n2\n" + roff("wrong use, or a database that it may not serve: one line says why.")),
        ("SEE ALSO", ".BR verdict (1)")])


# ---- completion ----

def completion(verbs):
    cases = []
    for program, _ in verbs:
        flags = [f"--{row['name']}" for row in program.settings]
        flags += [f"--no-{row['name']}" for row in program.settings if row["type"] == "bool" and row["default"] == "true"]
        cases.append(f"\t{program.name.split()[-1]}) flags=\"{' '.join(flags + ['--config', '--help'])}\" ;;")
    values = {}
    for program, _ in verbs:
        for row in program.settings:
            if "choices" in row:
                values[f"{program.name.split()[-1]}:--{row['name']}"] = row["choices"].replace("|", " ")
    choices = "\n".join(f"\t{key}) COMPREPLY=($(compgen -W \"{words}\" -- \"$word\")); return ;;" for key, words in values.items())
    names = " ".join(program.name.split()[-1] for program, _ in verbs)
    return f"""# SPDX-License-Identifier: Apache-2.0
# Completion of verdict for bash. Written by tests/house/manual.py --write.
_verdict() {{
	local word="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}" verb="${{COMP_WORDS[1]}}" flags
	COMPREPLY=()
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "{names} --help --version" -- "$word"))
		return
	fi
	case "$verb:$before" in
{choices}
	*:--config|*:--dir|*:--pg-bin) COMPREPLY=($(compgen -f -- "$word")); return ;;
	esac
	case "$verb" in
{chr(10).join(cases)}
	*) return ;;
	esac
	if [[ "$word" == -* ]]; then
		COMPREPLY=($(compgen -W "$flags" -- "$word"))
	else
		COMPREPLY=($(compgen -f -- "$word"))
	fi
}}
complete -o filenames -F _verdict verdict
"""


# ---- are they right? ----

def complete(*words):
    """What the completion offers for the last of these words."""
    script = (f". {FILES['verdict.bash']}; COMP_WORDS=({' '.join(words)}{' ' + chr(39) * 2 if words[-1] == '' else ''});"
              f" COMP_CWORD={len(words) - 1}; _verdict; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
    return set(output("bash", "-c", script).split())


def behaviour(verbs):
    names = {program.name.split()[-1] for program, _ in verbs}
    if complete("verdict", "") != names | {"--help", "--version"} or complete("verdict", "ob") != {"observe"}:
        yield "deploy/completion/verdict.bash does not complete the verbs"
    for program, _ in verbs:
        flags = {f"--{row['name']}" for row in program.settings} | {"--config", "--help"}
        if not flags <= complete("verdict", program.name.split()[-1], "--"):
            yield f"deploy/completion/verdict.bash does not complete the settings of {program.name}"
    if complete("verdict", "clients", "--sort", "s") != {"seen", "since"}:
        yield "deploy/completion/verdict.bash does not complete choices"


def warnings():
    for name in ("verdict.1", "verdict-resolver.8"):
        if shutil.which("groff"):
            told = subprocess.run(["groff", "-man", "-Tutf8", "-ww", str(FILES[name])], capture_output=True, text=True, check=False)
            yield from (f"deploy/man/{name}: {line}" for line in told.stderr.splitlines())
            if told.returncode != 0 or "NAME" not in re.sub(r"\x1b\[[\d;]*m|.\x08", "", told.stdout):
                yield f"deploy/man/{name} cannot be read"
        if shutil.which("mandoc"):
            told = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(FILES[name])], capture_output=True, text=True, check=False)
            yield from told.stdout.splitlines()


def main():
    write = "--write" in sys.argv
    resolver, cli = (argument for argument in sys.argv[1:] if argument != "--write")
    verbs = [(Program(cli, name), summary) for name, summary in re.findall(r"^  ([a-z]+) {2,}(.*)$", output(cli, "--help"), re.M)]
    made = {"verdict.1": page_of_verdict(cli, verbs), "verdict-resolver.8": page_of_resolver(Program(resolver)),
            "verdict.bash": completion(verbs)}
    wrong = []
    for name, text in made.items():
        path: pathlib.Path = FILES[name]
        if write:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            wrong.append(f"{path.relative_to(ROOT)} is not what the programs tell")
    if wrong:
        wrong.append(f"write it anew: tests/house/manual.py --write {resolver} {cli}")
    finish([*wrong, *behaviour(verbs), *warnings()], len(made))


main()
