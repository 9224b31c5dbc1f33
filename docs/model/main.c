/* SPDX-License-Identifier: Apache-2.0 */
/* main.c: the program.
 *
 *     model cases [--long]      explores every world; nothing may break                        exit status 1: something did
 *     model removals            takes out each rule; what it is there for must break           exit status 1: it did not
 *     model case NAME           one world, and the schedule of what breaks
 *         [--without SWITCH]    with a rule taken out of it
 *     model removal SWITCH      one rule taken out, and a shortest schedule of what breaks then
 *     model list                switches, invariants, worlds
 *     model steps               the steps: name, and whether it stands for something in the code
 */
#include "docs/model/explore.h"

#include <stdlib.h>
#include <string.h>

static const size_t limit_bytes = (size_t)1000 << 20;
static const size_t limit_bytes_long = (size_t)3900 << 20;

static bool explore(struct md_exploration *exploration, bool progresses)
{
	exploration->keeps_edges = progresses;
	md_explore(exploration);
	if (progresses && exploration->breach == MD_HOLDS && !exploration->is_full)
		md_progress(exploration);
	return exploration->breach == MD_HOLDS && !exploration->is_full;
}

static void say_figures(const char *name, const struct md_exploration *exploration)
{
	printf("%-24s %10zu states %11zu steps  depth %3u  %6.1f s  ", name, exploration->states,
		exploration->edges, exploration->depth, exploration->seconds);
}

static void say_break(const struct md_exploration *exploration)
{
	printf("breaks %s: %s\n", md_invariant_texts[exploration->breach].name, exploration->breach_text);
}

/* ---- worlds ------------------------------------------------------------------------------------------------- */

static bool run_case(const struct md_case *world, enum md_switch without, bool is_taken[MD_STEP_COUNT])
{
	struct md_exploration exploration = { .setup = { .bounds = world->bounds, .without = without },
		.limit_bytes = world->is_long ? limit_bytes_long : limit_bytes };
	bool holds = explore(&exploration, world->progresses);
	say_figures(world->name, &exploration);
	if (holds) {
		puts(world->progresses ? "all holds, and each request reaches a verdict" : "all holds");
	} else if (exploration.is_full) {
		puts("is too large for the memory that is allowed: not all was explored");
	} else {
		say_break(&exploration);
		md_exploration_print(&exploration, MD_NOBODY, stdout);
	}
	for (int i = 0; i < MD_STEP_COUNT; i++)
		is_taken[i] |= exploration.is_taken[i];
	fflush(stdout);
	md_exploration_free(&exploration);
	return holds;
}

static int run_cases(bool is_long)
{
	size_t wrong = 0, count = 0;
	bool is_taken[MD_STEP_COUNT] = { false };
	for (size_t i = 0; i < md_case_count; i++) {
		if (md_cases[i].is_long != is_long)
			continue;
		count++;
		wrong += !run_case(&md_cases[i], MD_NO_SWITCH, is_taken);
	}
	/* What never happens proves nothing. */
	for (int i = 0; i < MD_STEP_COUNT && !is_long; i++)
		if (!is_taken[i]) {
			printf("%s is a step of no world\n", md_step_texts[i].name);
			wrong++;
		}
	printf("%zu worlds, %zu wrong\n", count, wrong);
	return wrong > 0 || count == 0;
}

static int run_one(int count, char **arguments)
{
	enum md_switch without = MD_NO_SWITCH;
	bool is_taken[MD_STEP_COUNT] = { false };
	if (count == 3 && strcmp(arguments[1], "--without") == 0)
		without = md_switch_find(arguments[2]);
	for (size_t i = 0; i < md_case_count; i++)
		if (count >= 1 && strcmp(md_cases[i].name, arguments[0]) == 0 &&
			(count == 1 || without != MD_NO_SWITCH))
			return !run_case(&md_cases[i], without, is_taken);
	fputs("there is no such world, or no such switch: see model list\n", stderr);
	return 2;
}

/* ---- rules taken out ---------------------------------------------------------------------------------------- */

/* True if what must break does. */
static bool run_removal(const struct md_removal *removal, bool prints)
{
	struct md_exploration exploration = {
		.setup = { .bounds = removal->bounds, .without = removal->without, .also = removal->also },
		.limit_bytes = limit_bytes
	};
	if (removal->is_alone)
		exploration.setup.only = removal->breaks;
	bool holds = explore(&exploration, removal->breaks == MD_PROGRESS);
	char name[64];
	const struct md_switch_text *text = &md_switch_texts[removal->without];
	snprintf(name, sizeof name, "%d without %s", text->rule, text->name);
	say_figures(name, &exploration);
	bool is_right = exploration.breach == removal->breaks;
	if (holds || exploration.is_full)
		printf("breaks nothing, though %s must\n", md_invariant_texts[removal->breaks].name);
	else
		say_break(&exploration);
	if (!holds && !is_right)
		printf("    that is not %s\n", md_invariant_texts[removal->breaks].name);
	if (!holds && !exploration.is_full && (prints || !is_right))
		md_exploration_print(&exploration, MD_NOBODY, stdout);
	fflush(stdout);
	md_exploration_free(&exploration);
	return is_right;
}

/* And in the same world nothing breaks while the rule is there. */
static bool holds_with(const struct md_removal *removal)
{
	struct md_exploration exploration = { .setup = { .bounds = removal->bounds },
		.limit_bytes = limit_bytes };
	bool holds = explore(&exploration, removal->breaks == MD_PROGRESS);
	say_figures("  with it", &exploration);
	if (holds)
		puts("all holds");
	else if (exploration.is_full)
		puts("is too large for the memory that is allowed: not all was explored");
	else {
		say_break(&exploration);
		md_exploration_print(&exploration, MD_NOBODY, stdout);
	}
	fflush(stdout);
	md_exploration_free(&exploration);
	return holds;
}

static int run_removals(bool is_long)
{
	size_t wrong = 0;
	bool is_taken_out[MD_SWITCH_COUNT] = { false };
	for (size_t i = 0; i < md_removal_count; i++) {
		is_taken_out[md_removals[i].without] = true;
		wrong += !run_removal(&md_removals[i], false);
		if (is_long)
			wrong += !holds_with(&md_removals[i]);
	}
	for (int i = 1; i < MD_SWITCH_COUNT; i++)
		if (!is_taken_out[i]) {
			printf("%s is taken out of no world\n", md_switch_texts[i].name);
			wrong++;
		}
	printf("%zu rules taken out, %zu wrong\n", md_removal_count, wrong);
	return wrong > 0;
}

static int run_one_removal(const char *name)
{
	enum md_switch without = md_switch_find(name);
	for (size_t i = 0; i < md_removal_count; i++)
		if (without != MD_NO_SWITCH && md_removals[i].without == without)
			return !run_removal(&md_removals[i], true);
	fputs("there is no such switch: see model list\n", stderr);
	return 2;
}

/* ---- lists -------------------------------------------------------------------------------------------------- */

static int list(void)
{
	puts("switches, with the rule of docs/rules.md that is taken out:");
	for (int i = 1; i < MD_SWITCH_COUNT; i++)
		printf(
			"  %2d  %-24s %s\n", md_switch_texts[i].rule, md_switch_texts[i].name, md_switch_texts[i].what);
	puts("invariants:");
	for (int i = 1; i < MD_INVARIANT_COUNT; i++)
		printf("  %-28s %s\n", md_invariant_texts[i].name, md_invariant_texts[i].what);
	puts("worlds:");
	for (size_t i = 0; i < md_case_count; i++)
		printf("  %-24s %s%s\n", md_cases[i].name, md_cases[i].what, md_cases[i].is_long ? " (long)" : "");
	return 0;
}

static int list_steps(void)
{
	for (int i = 0; i < MD_STEP_COUNT; i++)
		printf("%s %s\n", md_step_texts[i].name, md_step_texts[i].where);
	return 0;
}

int main(int count, char **arguments)
{
	const char *verb = count > 1 ? arguments[1] : "";
	bool is_long = count == 3 && strcmp(arguments[2], "--long") == 0;
	if (strcmp(verb, "cases") == 0 && (count == 2 || is_long))
		return run_cases(is_long);
	if (strcmp(verb, "removals") == 0 && (count == 2 || is_long))
		return run_removals(is_long);
	if (strcmp(verb, "case") == 0 && count > 2)
		return run_one(count - 2, arguments + 2);
	if (strcmp(verb, "removal") == 0 && count == 3)
		return run_one_removal(arguments[2]);
	if (strcmp(verb, "list") == 0 && count == 2)
		return list();
	if (strcmp(verb, "steps") == 0 && count == 2)
		return list_steps();
	fputs("usage: model cases [--long] | removals [--long] | case NAME [--without SWITCH] | removal SWITCH | "
		  "list | steps\n",
		stderr);
	return 2;
}
