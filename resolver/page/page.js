// SPDX-License-Identifier: Apache-2.0
// page.js: puts each answer of /status into the page.
//
// Answers are kept for as long as the longest chart reaches back, in this page only. Each second everything is drawn again
// from (the answers, now, where the cursor stands): there is no other state.
import { Chart } from "./chart.js";
import { STALE_MS, follow } from "./feed.js";
import { figures, totals } from "./figures.js";
import { UNKNOWN, count, duration } from "./format.js";
import { showElections, showNodes, showRanges } from "./tables.js";
import { leadership, liveness, notice, title } from "./words.js";

const KEPT_MS = 5 * 60_000;
const SHORTEST_MS = 60_000; // a page that was just opened shows a minute, and more as it gets to know more

const page = {
	samples: [], // { time, status }, in order of time
	span: KEPT_MS, // how far charts reach back
	cursor: null, // a time, or null: now
	since: null, // null while the node answers, else when it last did
	why: "",
};

const at = (id) => document.getElementById(id);

/* The text of an element, touched only if it changes: what is selected stays selected, and nothing is announced twice. */
function say(element, text) {
	if (element.textContent !== text)
		element.textContent = text;
}

// ---- the frame ----

function showFrame(status) {
	at("main").dataset.stale = page.since !== null;
	say(at("live-text"), liveness(status, page.since));
	at("live").dataset.state = page.since === null ? (status?.state ?? "asking") : "stale";
	const told = notice(status, page.since, page.why);
	at("notice").hidden = told === null;
	say(at("notice"), told?.[1] ?? "");
	at("notice").dataset.tone = told?.[0] ?? "";
	document.title = status || page.since !== null ? title(status, page.since) : "Verdict";
}

function showLeadership(status) {
	const { title: headline, office } = leadership(status);
	say(at("leader"), headline);
	at("leader").dataset.serves = Boolean(status.serves);
	say(at("office"), office);
	for (const fact of ["node", "schema", "version"])
		say(at(fact), String(status[fact] ?? UNKNOWN));
	for (const [name, of] of totals) {
		const value = of(status);
		say(at(`total-${name.replace(" ", "-")}`), typeof value === "string" ? value : count(value));
	}
}

/* Elections of the last answer, the newest first, by this browser's clock: clocks of two machines differ. */
function elections({ time, status }) {
	const now = Date.parse(status.at);
	return (status.elections ?? [])
		.map(({ at: when, node, epoch }) => ({ time: time - (now - Date.parse(when)), node, epoch }))
		.sort((a, b) => b.time - a.time);
}

// ---- figures ----

function makeTotals() {
	for (const [name] of totals) {
		const group = at("totals").appendChild(document.createElement("div"));
		group.appendChild(document.createElement("dt")).textContent = name;
		const value = group.appendChild(document.createElement("dd"));
		value.id = `total-${name.replace(" ", "-")}`;
		value.textContent = UNKNOWN;
	}
}

function makeValue(values, { name, tone }) {
	const group = values.appendChild(document.createElement("div"));
	const term = group.appendChild(document.createElement("dt"));
	term.className = name ? `key tone-${tone}` : "hidden";
	term.textContent = name ?? "value";
	const value = group.appendChild(document.createElement("dd")).appendChild(document.createElement("data"));
	return [value, group.lastElementChild.appendChild(document.createElement("span"))];
}

/* A card with its chart; show(samples, view) fills it. */
function makeCard(figure) {
	const card = at("figure").content.firstElementChild.cloneNode(true);
	const part = (selector) => card.querySelector(selector);
	card.id = figure.id;
	card.classList.toggle("wide", Boolean(figure.wide));
	part("h2").textContent = figure.title;
	const values = figure.series.map((series) => makeValue(part(".values"), series));
	at("figures").append(card);
	const plot = part(".plot");
	plot.setAttribute("aria-label", `${figure.title} over time`);
	const chart = new Chart(figure, plot, STALE_MS, moveCursor);

	return (view) => {
		const shown = view.cursor?.sample ?? view.samples.at(-1);
		const told = figure.series.map(({ name, of }, i) => {
			const value = shown ? of(shown) : null;
			const [text, unit] = figure.write(value);
			values[i][0].value = value ?? "";
			say(values[i][0], text);
			say(values[i][1], unit);
			return `${name ?? ""} ${text} ${unit}`.trim();
		});
		const ago = view.cursor ? `${duration(view.now - view.cursor.sample.time)} ago` : "now";
		part(".moment").hidden = view.cursor === null;
		say(part(".moment"), ago);
		say(part(".remark"), shown && figure.remark ? figure.remark(shown, view.samples) : "");
		plot.setAttribute("aria-valuemin", -view.span / 1000);
		plot.setAttribute("aria-valuenow", view.cursor ? Math.round((view.cursor.sample.time - view.now) / 1000) : 0);
		plot.setAttribute("aria-valuetext", `${ago}: ${told.join(", ")}`);
		chart.draw(view);
	};
}

// ---- all together ----

/* The sample closest to the cursor. */
function underCursor(samples) {
	if (page.cursor === null || samples.length === 0)
		return null;
	const distance = (sample) => Math.abs(sample.time - page.cursor);
	return { sample: samples.reduce((best, sample) => (distance(sample) < distance(best) ? sample : best)) };
}

let cards = [];

function show() {
	const last = page.samples.at(-1);
	showFrame(last?.status);
	if (!last)
		return;
	const now = Date.now(), held = elections(last);
	const span = Math.min(page.span, Math.max(SHORTEST_MS, now - page.samples[0].time));
	const isShown = ({ time }) => time >= now - span;
	const samples = page.samples.filter(isShown);
	const view = { samples, now, span, cursor: underCursor(samples), marks: held.filter(isShown) };
	for (const card of cards)
		card(view);
	showLeadership(last.status);
	showNodes(last.status);
	showRanges(last.status);
	showElections(held);
}

function moveCursor(time) {
	page.cursor = time;
	show();
}

makeTotals();
cards = figures.map(makeCard);
at("span").addEventListener("change", (event) => {
	page.span = Number(event.target.value);
	show();
});
follow({
	onAnswer: (status, time) => {
		page.samples = page.samples.filter((sample) => sample.time > time - KEPT_MS);
		page.samples.push({ time, status });
	},
	onTick: (since, why) => {
		page.since = since;
		page.why = why;
		show();
	},
});
