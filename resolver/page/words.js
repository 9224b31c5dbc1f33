// SPDX-License-Identifier: Apache-2.0
// words.js: what /status means in words: who leads, and what somebody who looks at this page has to know first.
import { UNKNOWN, clock, count, duration, isKnown } from "./format.js";

const OWN_STATE = {
	campaigning: "This node is taking office.",
	resigning: "This node is stepping down: it finishes what is queued.",
	stopped: "This node is stopping.",
};

/* So long without a word of the database, what a node tells about others is old. */
const UNSEEN_MS = 5000;

/* { title, office }: the headline, and the line below it. */
export function leadership(status) {
	if (!isKnown(status.seen_ms))
		return { title: "not known", office: "this node has not seen the database yet" };
	if (!status.leader)
		return { title: "nobody has led yet", office: "" };
	const epoch = `epoch ${count(status.epoch)}`;
	if (!status.serves) {
		const how = status.released ? "stepped down" : "held the lease last";
		return { title: "nobody leads", office: `${status.leader} ${how} · ${epoch}` };
	}
	const left = `lease for another ${duration(Math.max(0, status.lease_left_ms))}`;
	return { title: `${status.leader} leads`, office: `for ${duration(status.led_ms)} · ${epoch} · ${left}` };
}

/* [tone, text] of what stands above everything else, or null. since: null while the node answers, else when it last did. */
export function notice(status, since, why) {
	if (since === 0)
		return ["bad", `No answer from this node: ${why}.`];
	if (since !== null)
		return ["bad", `No answer from ${status.node} since ${clock(since)} (${duration(Date.now() - since)}): ${why}. `
			+ "What stands below is from then."];
	if (OWN_STATE[status.state])
		return ["warn", OWN_STATE[status.state]];
	if (!isKnown(status.seen_ms) || status.seen_ms > UNSEEN_MS)
		return ["bad", `${status.node} ${status.why ?? "waits for the database"}. What it tells of leader, nodes and queue is `
			+ `${isKnown(status.seen_ms) ? `${duration(status.seen_ms)} old` : "not known"}.`];
	if (!status.serves)
		return ["warn", "Nobody leads: commits wait until somebody does."];
	if (status.state !== "leading")
		return ["note", `${status.node} stands by. Rates, latency, batches, window and conflicts are known to the leader: `
			+ `look at the page of ${status.leader}.`];
	return null;
}

/* The words of the light beside the switches. */
export function liveness(status, since) {
	if (since !== null)
		return "no answer";
	return status ? status.state : "asking";
}

export function title(status, since) {
	if (since !== null)
		return `no answer – ${status?.node ?? "Verdict"}`;
	const rate = status.rates?.commits_per_s;
	return `${isKnown(rate) ? `${count(rate)}/s` : status.state} – ${status.node ?? UNKNOWN} – Verdict`;
}
