// SPDX-License-Identifier: Apache-2.0
// theme.js: light, dark, or what the system prefers. Runs before anything is painted, so that nothing flashes in the wrong
// colours; the switch is wired when it is there. The choice stays in this browser, where it lets us store something.
"use strict";
{
	const KEY = "verdict-theme";
	const stored = () => {
		try {
			return localStorage.getItem(KEY);
		} catch {
			return null;
		}
	};
	const apply = (choice) => {
		if (choice === "light" || choice === "dark")
			document.documentElement.dataset.theme = choice;
		else
			delete document.documentElement.dataset.theme;
	};

	apply(stored());
	document.addEventListener("DOMContentLoaded", () => {
		const choices = document.getElementById("theme");
		for (const input of choices.querySelectorAll("input"))
			input.checked = input.value === (document.documentElement.dataset.theme ?? "auto");
		choices.addEventListener("change", (event) => {
			apply(event.target.value);
			try {
				localStorage.setItem(KEY, event.target.value);
			} catch {
				// it holds until the page is left
			}
		});
	});
}
