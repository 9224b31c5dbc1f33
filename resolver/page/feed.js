// SPDX-License-Identifier: Apache-2.0
// feed.js: asks the node for its state once a second, one question at a time, and says how old its last answer is.

const INTERVAL_MS = 1000;
const PATIENCE_MS = 5000;

/* So long without an answer, what is shown is called stale, and the line of a chart has a gap. */
export const STALE_MS = 3000;

async function ask() {
	const response = await fetch("status", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
	if (!response.ok)
		throw new Error(`it answers with HTTP status ${response.status}`);
	return response.json();
}

function reason(error) {
	if (error.name === "TimeoutError")
		return "it does not answer";
	return error.name === "TypeError" ? "it cannot be reached" : error.message;
}

/* onAnswer(status, at): each answer, `at` by this browser's clock in ms. onTick(since, why): about once a second; since is null
 * while the node answers, else when it last did (0: never), and why a text for it. Never ends. */
export function follow({ onAnswer, onTick }) {
	const begun = Date.now();
	let answered = 0;
	let why = "it does not answer";

	const tick = () => onTick(Date.now() - (answered || begun) > STALE_MS ? answered : null, why);
	const turn = async () => {
		const asked = Date.now();
		try {
			const status = await ask();
			answered = Date.now();
			onAnswer(status, answered);
		} catch (error) {
			why = reason(error);
		}
		tick();
		setTimeout(turn, Math.max(INTERVAL_MS / 4, INTERVAL_MS - (Date.now() - asked)));
	};
	setInterval(tick, INTERVAL_MS);
	turn();
}
