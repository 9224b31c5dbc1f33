// SPDX-License-Identifier: Apache-2.0
// chart.js: a chart of one or a few lines over the last minutes, in SVG.
//
// The right edge is now, by this browser's clock: when no answers come, the line ends where they ended and the gap grows. Where
// something was not known, the line has a gap too. All charts of a page share one cursor, which the pointer or the arrow keys
// move; whoever draws the page says where it stands.
import { brief, duration } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";
const TOP = 14, BOTTOM = 16; // room for what is written at the ends of the axes
const ROOM_AXIS = 44, ROOM_NAME = 130; // for words above the chart
const STEPS = [1, 1.5, 2, 3, 4, 5, 6, 8, 10];

function make(name, attributes, parent) {
	const element = document.createElementNS(SVG, name);
	for (const [key, value] of Object.entries(attributes))
		element.setAttribute(key, value);
	parent.append(element);
	return element;
}

/* The least round number that is no less, so that the axis does not move with each sample. base: 1024 for bytes, else 1000. */
function ceiling(value, least, base) {
	if (!(value > least))
		return least;
	const unit = base ** Math.floor(Math.log(value) / Math.log(base));
	const power = unit * 10 ** Math.floor(Math.log10(value / unit));
	return power * STEPS.find((step) => step * power >= value * 0.999999);
}

/* An SVG path through the samples' values: a new piece behind each gap. */
function line(samples, of, x, y, gapMs) {
	let path = "", before = null;
	for (const sample of samples) {
		const value = of(sample);
		if (value === null) {
			before = null;
			continue;
		}
		const joined = before !== null && sample.time - before <= gapMs;
		path += `${joined ? "L" : "M"}${x(sample.time).toFixed(1)} ${y(value).toFixed(1)}${joined ? "" : "h0"}`;
		before = sample.time;
	}
	return path;
}

/* The same, closed down to the axis piece by piece. */
function area(path, bottom) {
	return path.split("M").filter(Boolean).map((piece) => {
		const points = piece.replace("h0", "").split("L");
		const [first, last] = [points[0], points.at(-1)].map((point) => point.split(" ")[0]);
		return `M${first} ${bottom}L${points.join("L")}L${last} ${bottom}Z`;
	}).join("");
}

export class Chart {
	/* figure: as in figures.js; host: the element to draw in; onCursor(time or null): the user moves the cursor. */
	constructor(figure, host, gapMs, onCursor) {
		this.figure = figure;
		this.gapMs = gapMs;
		this.onCursor = onCursor;
		this.view = null;
		this.host = host;
		this.svg = make("svg", { "aria-hidden": "true", focusable: "false" }, host);
		this.axes = make("g", { class: "axes" }, this.svg);
		this.area = make("path", { class: `area tone-${figure.series[0].tone}` }, this.svg);
		// the first series is drawn last: it is what the chart is about
		this.lines = [...figure.series].reverse().map((series) => ({
			series, path: make("path", { class: `line tone-${series.tone}` }, this.svg),
		}));
		this.labels = make("g", {}, this.svg);
		this.cursor = make("g", { class: "cursor" }, this.svg);
		this.#listen();
		new ResizeObserver(() => this.view && this.draw(this.view)).observe(host);
	}

	/* view: { samples, now, span, cursor, marks }: samples in order of time; marks: elections within the
	 * span, the newest first. */
	draw(view) {
		this.view = view;
		const width = this.host.clientWidth, height = this.host.clientHeight;
		if (!width || !height)
			return;
		const values = view.samples.flatMap((sample) => this.figure.series.map((series) => series.of(sample)));
		const top = ceiling(Math.max(0, ...values), this.figure.least, this.figure.base ?? 1000);
		const bottom = height - BOTTOM;
		const x = (time) => width * (1 - (view.now - time) / view.span);
		const y = (value) => bottom - (value / top) * (bottom - TOP);
		this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
		this.#drawAxes(view, width, bottom, top, x, y);
		for (const { series, path } of this.lines)
			path.setAttribute("d", line(view.samples, series.of, x, y, this.gapMs));
		this.area.setAttribute("d", area(this.lines.at(-1).path.getAttribute("d"), bottom));
		this.#drawCursor(view, bottom, x, y);
	}

	#drawAxes(view, width, bottom, top, x, y) {
		this.axes.replaceChildren();
		this.labels.replaceChildren();
		const text = (words, attributes) => {
			make("text", attributes, this.labels).textContent = words;
		};
		for (const value of [0, top / 2, top])
			make("path", { class: value ? "grid" : "base", d: `M0 ${Math.round(y(value)) + 0.5}h${width}` }, this.axes);
		for (const { time } of view.marks)
			make("path", { class: "mark", d: `M${x(time).toFixed(1)} ${TOP}V${bottom}` }, this.axes);
		for (const value of [top / 2, top])
			text(this.figure.axis ? this.figure.axis(value) : brief(value), { x: 0, y: y(value) - 4 });
		text(`${duration(view.span)} ago`, { x: 0, y: bottom + 13 });
		text("now", { x: width, y: bottom + 13, "text-anchor": "end" });
		if (this.figure.wide)
			this.#nameMarks(view.marks, x, text);
	}

	/* Who was elected, beside the line: the newer first, and the older where there is room. */
	#nameMarks(marks, x, text) {
		let free = Infinity;
		for (const { time, node } of marks) {
			const at = x(time);
			if (at < ROOM_AXIS || at > free)
				continue;
			const place = at > ROOM_AXIS + ROOM_NAME ? { x: at - 5, "text-anchor": "end" } : { x: at + 5 };
			text(`${node.length > 14 ? `${node.slice(0, 13)}…` : node} elected`, { class: "elected", y: TOP - 4, ...place });
			free = at - ROOM_NAME;
		}
	}

	#drawCursor(view, bottom, x, y) {
		this.cursor.replaceChildren();
		if (view.cursor === null)
			return;
		const { sample } = view.cursor;
		make("path", { d: `M${x(sample.time).toFixed(1)} ${TOP - 6}V${bottom}` }, this.cursor);
		for (const series of this.figure.series) {
			const value = series.of(sample);
			if (value !== null)
				make("circle", { class: `tone-${series.tone}`, cx: x(sample.time), cy: y(value), r: 3.5 }, this.cursor);
		}
	}

	#listen() {
		const point = (event) => {
			const { left, width } = this.host.getBoundingClientRect();
			this.onCursor(this.view.now - this.view.span * (1 - (event.clientX - left) / width));
		};
		this.host.addEventListener("pointermove", (event) => this.view && point(event));
		this.host.addEventListener("pointerdown", (event) => this.view && point(event));
		this.host.addEventListener("pointerleave", () => this.onCursor(null));
		this.host.addEventListener("blur", () => this.onCursor(null));
		this.host.addEventListener("keydown", (event) => this.view && this.#step(event));
	}

	/* Left and right by a sample, with PageUp and PageDown by ten; Home: the oldest; End or Escape: back to now. */
	#step(event) {
		const { samples, cursor } = this.view;
		const by = { ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity,
			End: Infinity, Escape: Infinity }[event.key];
		if (by === undefined || samples.length === 0)
			return;
		event.preventDefault();
		const last = samples.length - 1;
		const at = cursor === null ? last : samples.indexOf(cursor.sample);
		const next = Math.max(0, at + by);
		this.onCursor(next >= last ? null : samples[next].time);
	}
}
