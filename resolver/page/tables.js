// SPDX-License-Identifier: Apache-2.0
// tables.js: nodes, conflicting ranges, elections. Keys and names come from anybody who may write: they become text, nothing else.
import { UNKNOWN, clock, count, duration } from "./format.js";

function cell(row, tag, text, className) {
	const made = row.appendChild(document.createElement(tag));
	made.textContent = text;
	if (className)
		made.className = className;
	return made;
}

/* One row an item, by write(row, item); rows are made again only when something has changed, so that what is selected stays so. */
function fill(id, items, write) {
	const body = document.getElementById(id);
	const told = JSON.stringify(items);
	if (body.told === told)
		return;
	body.told = told;
	body.replaceChildren(...items.map((item) => {
		const row = document.createElement("tr");
		write(row, item);
		return row;
	}));
	document.getElementById(`${id}-none`).hidden = items.length > 0;
	body.parentElement.hidden = items.length === 0;
}

export function showNodes(status) {
	const nodes = (status.nodes ?? []).map(({ node, up_ms, leads }) => [node, duration(up_ms), leads, node === status.node]);
	fill("nodes", nodes, (row, [node, up, leads, own]) => {
		const name = cell(row, "th", node, "name");
		name.scope = "row";
		if (own)
			cell(name, "span", "this node", "tag");
		cell(row, "td", leads ? "leads" : "stands by", leads ? "leads" : "");
		cell(row, "td", up, "number");
	});
}

/* A range of one key is that key: its end is the key and a zero byte. */
function interval(begin, end) {
	return end === `${begin}\\x00` ? begin : `${begin} … ${end}`;
}

export function showRanges({ conflicting }) {
	const ranges = (conflicting ?? []).slice(0, 8).map(({ begin, end, count }) => [interval(begin, end), count]);
	const most = Math.max(1, ...ranges.map(([, times]) => times));
	fill("ranges", ranges, (row, [words, times]) => {
		const key = cell(row, "td", "", "key");
		cell(key, "span", "", "meter").style.width = `${(100 * times) / most}%`;
		cell(key, "code", words).title = words;
		cell(row, "td", count(times), "number");
	});
}

export function showElections(elections) {
	fill("elections", elections.slice(0, 8), (row, { time, node, epoch }) => {
		cell(row, "td", clock(time));
		cell(row, "td", node ?? UNKNOWN, "name");
		cell(row, "td", count(epoch), "number");
	});
}
