# SPDX-License-Identifier: Apache-2.0
"""A strict reader of Prometheus' text format 0.0.4: whatever is not exactly so is an error, also what Prometheus would let pass.

parse(text) gives {name: Family}; a family's samples are {(("label", "value"), ...): number}, of histograms {labels: Histogram}.
"""
import math
import re

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"')
NUMBER = r"[+-]?(?:\d+(?:\.\d+)?(?:e[+-]?\d+)?|Inf)|NaN"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? ({NUMBER})$")
UNITS = ("_seconds", "_bytes", "_ratio")


class Histogram:
    def __init__(self):
        self.buckets, self.sum, self.count = [], None, None


class Family:
    def __init__(self, name, kind, about):
        self.name, self.kind, self.about, self.samples = name, kind, about, {}


def need(condition, line, why):
    if not condition:
        raise ValueError(f"{why}: {line!r}")


def labels_of(text, line):
    if text is None:
        return ()
    found, at = [], 0
    while True:
        label = LABEL.match(text, at)
        need(label, line, "bad labels")
        found.append(label.groups())
        at = label.end()
        if at == len(text):
            break
        need(text[at] == ",", line, "labels stand behind commas")
        at += 1
    need(len({name for name, _ in found}) == len(found), line, "a label stands there twice")
    return tuple(found)


def take(family, name, labels, number, line):
    if family.kind != "histogram":
        need(name == family.name, line, f"a sample of another family than {family.name}")
        need(labels not in family.samples, line, "a sample stands there twice")
        need(family.kind != "counter" or number >= 0, line, "a counter below 0")
        family.samples[labels] = number
        return
    part = name[len(family.name):]
    need(name.startswith(family.name) and part in ("_bucket", "_sum", "_count"), line, "no part of the histogram")
    rest = tuple(label for label in labels if label[0] != "le")
    histogram = family.samples.setdefault(rest, Histogram())
    need((part == "_bucket") == (rest != labels), line, "le is for buckets")
    if part == "_bucket":
        need(histogram.sum is None and histogram.count is None, line, "a bucket behind sum or count")
        bound = float(dict(labels)["le"])
        need(not histogram.buckets or histogram.buckets[-1][0] < bound, line, "bounds do not rise")
        need(not histogram.buckets or histogram.buckets[-1][1] <= number, line, "buckets do not add up")
        histogram.buckets.append((bound, number))
    else:
        need(getattr(histogram, part[1:]) is None, line, "twice")
        setattr(histogram, part[1:], number)


def end(family):
    need(family.about.endswith(".") and family.about[0].isupper() or family.about[0].isdigit(), family.about, "no sentence")
    need((family.kind == "counter") == family.name.endswith("_total"), family.name, "counters, and only they, end with _total")
    if family.kind == "histogram":
        for histogram in family.samples.values():
            need(histogram.buckets and histogram.buckets[-1] == (math.inf, histogram.count), family.name, "+Inf is not the count")
            need(histogram.sum is not None, family.name, "no sum")


def parse(text):
    families, family, about = {}, None, None
    need(text.endswith("\n") and "\n\n" not in text and "\r" not in text, text[-40:], "lines end with a line feed, none is empty")
    for line in text.splitlines():
        comment = re.fullmatch(rf"# (HELP|TYPE) ({NAME}) (.+)", line)
        if comment and comment.group(1) == "HELP":
            need(about is None, line, "HELP without TYPE before")
            about = comment.groups()[1:]
        elif comment:
            name, kind = comment.groups()[1:]
            need(about is not None and about[0] == name, line, "TYPE without its HELP before")
            need(kind in ("counter", "gauge", "histogram"), line, "unknown type")
            need(name not in families, line, "a family stands there twice")
            family = families[name] = Family(name, kind, about[1])
            about = None
        else:
            sample = SAMPLE.fullmatch(line)
            need(sample and family and about is None, line, "no sample")
            take(family, sample.group(1), labels_of(sample.group(2), line), float(sample.group(3)), line)
    need(about is None, about, "HELP at the end")
    for each in families.values():
        end(each)
    return families
