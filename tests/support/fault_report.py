# SPDX-License-Identifier: Apache-2.0
"""What the histories of a run say beside what their checker says: how transactions ended, how long nobody's commit was told,
and the rules that can be read off the answers alone."""
import collections

CODES = {0: "committed", 1007: "too old", 1009: "future version", 1020: "conflict", 1021: "unknown", 1025: "cancelled", 1031: "timed out"}


class Commit:
    def __init__(self, history, number, end, version, order):
        self.history, self.number, self.end, self.version, self.order = history, number, end, version, order

    def __str__(self):
        return f"{self.history.name}: {self.number} at {self.version}/{self.order}"


class Answers:
    """All that was told, by the histories (their format is in tests/history)."""

    def __init__(self, histories):
        self.codes = collections.Counter()
        self.commits, self.unknown = [], []
        self.begun = 0
        for history in histories:
            self._read(history)
        self.commits.sort(key=lambda commit: commit.end)

    def _read(self, history):
        open_numbers = set()
        with open(history, encoding="ascii", errors="replace") as lines:
            for line in lines:
                if not line.endswith("\n"):
                    break
                kind, *words = line.split(" ", 5)
                if kind == "S":
                    open_numbers.add(words[0])
                    self.begun += 1
                elif kind == "R":
                    self.begun += 1
                    self.codes["only read" if line.split(" ", 8)[7] == "0" else f"ended before its commit"] += 1
                elif kind == "E":
                    words = line.split()[1:]
                    open_numbers.discard(words[0])
                    self._ended(history, words)
        self.codes["of a killed worker"] += len(open_numbers)

    def _ended(self, history, words):
        code = int(words[2])
        self.codes[CODES.get(code, f"error {code}")] += 1
        if code == 0:
            self.commits.append(Commit(history, int(words[0]), int(words[1]) / 1e9, int(words[3]), int(words[4])))
        elif code == 1021:
            self.unknown.append((history.name, int(words[0]), int(words[1]) / 1e9))

    def doubled_places(self):
        """No place is given twice, whatever is promoted or restored."""
        seen, doubled = {}, []
        for commit in self.commits:
            if commit.version < 0:
                continue  # it had nothing to write
            place = commit.version, commit.order
            if place in seen:
                doubled.append(f"{seen[place]} and {commit}")
            seen[place] = commit
        return doubled

    def told_and_lost(self, losses):
        """Those that were told though they were on no server that a synchronous standby's promotion left."""
        return [str(commit) for commit in self.commits for loss in losses
                if not loss["told"] and loss["above"] < commit.version < loss["below"]]

    def unknown_reasons(self, losses, outages, disturbances):
        """Why commits ended with 1021: reason → how many. It takes a registration that was lost with its server (a new identity
        is taken once it is noticed), or a database that could not be reached before the commit's time was over."""
        reasons = collections.Counter()
        for _, _, end in self.unknown:
            if any(a < end and b > end - 3 for a, b in outages):
                reasons["PostgreSQL was down"] += 1
            elif any(loss["at"] < end < loss["at"] + 60 for loss in losses):
                reasons["the registration was lost"] += 1
            elif any(a < end and b > end - 3 for a, b in disturbances):
                reasons["its connections were cut off, or it was frozen"] += 1
            else:
                reasons["unexplained"] += 1
        return reasons

    def lost(self, losses):
        """Those that went with an asynchronous standby or an old backup, as declared."""
        return sum(1 for commit in self.commits for loss in losses
                   if loss["told"] and loss["above"] < commit.version < loss["below"])

    def pauses(self, begin, end):
        """(length, from, to) between one commit that is told and the next one, the longest first."""
        times = [commit.end for commit in self.commits if begin <= commit.end <= end]
        return sorted(((b - a, a, b) for a, b in zip(times, times[1:])), reverse=True)

    def longest_pause(self, begin, end, outages):
        """The longest during which PostgreSQL was there all the time; None if there is none."""
        for length, left, right in self.pauses(begin, end):
            if not any(a < right and b > left for a, b in outages):
                return length, left, right
        return None

    def failovers(self, kills, disturbances):
        """Seconds from each kill of a leader to the end of the longest pause within the 5 s after it, where nothing else went
        on meanwhile."""
        times = [commit.end for commit in self.commits]
        found = []
        for kill in kills:
            near = [t for t in times if kill - 1 < t <= kill + 5]
            pauses = [(b - a, b) for a, b in zip(near, near[1:]) if b > kill]
            if pauses:
                end = max(pauses)[1]
                if not any(a < end and b > kill for a, b in disturbances):
                    found.append(end - kill)
        return sorted(found)


def quantiles(values):
    if not values:
        return {"count": 0}
    return {"count": len(values), "median_ms": round(values[len(values) // 2] * 1e3),
            "p99_ms": round(values[min(len(values) - 1, int(len(values) * 0.99))] * 1e3), "max_ms": round(values[-1] * 1e3)}
