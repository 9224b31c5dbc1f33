// SPDX-License-Identifier: Apache-2.0
// figures.js: the table of what is charted: where each number is in /status, and how it is written.
import { brief, bytes, count, duration, figure, isKnown, rate } from "./format.js";

const number = (value) => (isKnown(value) ? value : null);

/* Only who leads decides: the zeros of a node that stands by say nothing of the store. */
const decided = (name) => ({ status }) => (/^(leading|resigning)$/.test(status.state) ? number(status.rates?.[name]) : null);
const commits = decided("commits_per_s"), conflicts = decided("conflicts_per_s");

const plain = (write, unit) => (value) => [write(value), isKnown(value) ? unit : ""];

/* title; wide: takes half of a broad screen; least: the top of the axis when all is lower; base: 1024
 * if its units are steps of that; write(value): [text, unit]; axis(value): its text at the axis; series: name (none if there is but one), tone (its colour in page.css), of(sample): a number or null;
 * remark(sample, samples): a line below, of the one shown and all that are. A sample is { time, status }. */
export const figures = [
	{
		id: "commits", title: "Commits", wide: true, least: 10, write: plain(rate, "/s"),
		series: [{ tone: "commit", of: commits }],
		remark: (sample, samples) => `at most ${rate(Math.max(0, ...samples.map(commits)))}/s in this time`,
	},
	{
		id: "latency", title: "Latency in the resolver", wide: true, least: 1, write: plain(figure, "ms"),
		axis: (value) => (value < 1000 ? `${brief(value)} ms` : `${brief(value / 1000)} s`),
		series: ["p50", "p95", "p99"].map((name) => ({ name, tone: name, of: ({ status }) => number(status.latency_ms?.[name]) })),
	},
	{
		id: "conflicts", title: "Conflicts", least: 10, write: plain(rate, "/s"),
		series: [{ tone: "conflict", of: conflicts }],
		remark: (sample) => {
			const all = commits(sample) + conflicts(sample);
			return all > 0 ? `${figure((100 * conflicts(sample)) / all)} % of commits and conflicts` : "";
		},
	},
	{
		id: "batch", title: "Requests in a batch", least: 4, write: plain(count, ""),
		series: ["p50", "p99"].map((name) => ({ name, tone: name, of: ({ status }) => number(status.batch?.[name]) })),
		remark: ({ status: { batch } }) => (isKnown(batch?.max) ? `last ${count(batch.last)}, largest ${count(batch.max)}` : ""),
	},
	{
		id: "queue", title: "Queue", least: 10, write: plain(count, "waiting"),
		series: [{ tone: "queue", of: ({ status }) => number(status.queue?.requests) }],
		remark: ({ status: { queue } }) => (isKnown(queue?.oldest_ms) && queue.requests > 0 ? `the oldest for ${duration(queue.oldest_ms)}` : ""),
	},
	{
		id: "window", title: "Window", least: 1024, base: 1024, write: bytes, axis: (value) => bytes(value).join(" "),
		series: [{ tone: "window", of: ({ status }) => number(status.window?.bytes) }],
		remark: ({ status: { window } }) => (isKnown(window?.floor_age_ms) ? `knows the last ${duration(window.floor_age_ms)}` : ""),
	},
];

/* What this node has counted since its start, and how far the store is: [name, its value in /status]. */
export const totals = [
	["committed", ({ totals }) => totals?.committed],
	["conflict", ({ totals }) => totals?.conflict],
	["too old", ({ totals }) => totals?.too_old],
	["rejected", ({ totals }) => totals?.rejected],
	["batches", ({ totals }) => totals?.batches],
	["elections won", ({ totals }) => totals?.elections],
	["watermark", ({ watermark }) => watermark],
];
