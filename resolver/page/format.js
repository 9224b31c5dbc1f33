// SPDX-License-Identifier: Apache-2.0
// format.js: how numbers, times and keys are written. What is not known is a dash, never a zero.

export const UNKNOWN = "–";

export const isKnown = (value) => typeof value === "number" && Number.isFinite(value);

const known = (write) => (value) => (isKnown(value) ? write(value) : UNKNOWN);

const digits = [0, 1, 2].map(
	(n) => new Intl.NumberFormat("en-US", { minimumFractionDigits: n, maximumFractionDigits: n }));

export const count = known((value) => digits[0].format(value));

export const rate = known((value) => digits[value > 0 && value < 10 ? 1 : 0].format(value));

/* As few digits as tell it apart: 0.42, 4.21, 42.1, 421. */
export const figure = known((value) => digits[value === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2].format(value));

/* For the ends of an axis: 1.5k, 20k, 0.5. */
export const brief = known((value) => {
	for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]])
		if (value >= size)
			return String(Number((value / size).toPrecision(3))) + letter;
	return String(Number(value.toPrecision(3)));
});

/* In steps of 1024, as settings are: ["12.3", "MB"]. */
export function bytes(value) {
	if (!isKnown(value))
		return [UNKNOWN, ""];
	let step = 0;
	while (value >= 1024 && step < 4) {
		value /= 1024;
		step += 1;
	}
	return [step === 0 ? count(value) : figure(value), ["B", "kB", "MB", "GB", "TB"][step]];
}

/* Two units at most: 340 ms, 2.4 s, 3 min 12 s, 2 h 5 min, 4 d 3 h. */
export const duration = known((ms) => {
	if (ms < 1000)
		return `${Math.round(ms)} ms`;
	if (ms < 10_000)
		return `${digits[1].format(Math.floor(ms / 100) / 10)} s`;
	const seconds = Math.floor(ms / 1000);
	for (const [size, name, below, small] of [[86_400, "d", 3600, "h"], [3600, "h", 60, "min"], [60, "min", 1, "s"]])
		if (seconds >= size) {
			const rest = Math.floor((seconds % size) / below);
			return `${Math.floor(seconds / size)} ${name}${rest ? ` ${rest} ${small}` : ""}`;
		}
	return `${seconds} s`;
});

const time = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/* Of the day, as this browser's clock shows it. */
export const clock = known((ms) => time.format(ms));
