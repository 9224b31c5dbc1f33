/* SPDX-License-Identifier: Apache-2.0 */
/* usage.c: see usage.h. */
#include "bench/usage.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The words of /proc/PID/stat behind the name, which may hold anything; field 3 comes first. */
static bool read_stat(pid_t pid, char name[64], char *line, int size)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return false;
	size_t got = fread(line, 1, (size_t)size - 1, file);
	fclose(file);
	line[got] = '\0';
	char *from = strchr(line, '('), *to = strrchr(line, ')');
	if (from == NULL || to == NULL)
		return false;
	snprintf(name, 64, "%.*s", (int)(to - from - 1), from + 1);
	memmove(line, to + 2, strlen(to + 2) + 1);
	return true;
}

static long long field(const char *words, int number)
{
	for (int i = 3; i < number && words != NULL; i++) {
		words = strchr(words, ' ');
		words = words == NULL ? NULL : words + 1;
	}
	return words == NULL ? 0 : strtoll(words, NULL, 10);
}

enum {
	STAT_PARENT = 4,
	STAT_USER = 14,
	STAT_SYSTEM = 15,
	STAT_CHILDREN_USER = 16,
	STAT_CHILDREN_SYSTEM = 17
};

static double ticks_s(long long ticks)
{
	return (double)ticks / (double)sysconf(_SC_CLK_TCK);
}

static double anonymous_bytes(pid_t pid)
{
	char path[64], line[256];
	double kilobytes = 0;
	snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return 0;
	while (fgets(line, sizeof line, file) != NULL)
		if (strncmp(line, "RssAnon:", 8) == 0)
			kilobytes = strtod(line + 8, NULL);
	fclose(file);
	return kilobytes * 1024;
}

bool vd_usage_of(pid_t pid, struct vd_usage *usage)
{
	char name[64], words[1024];
	if (!read_stat(pid, name, words, sizeof words))
		return false;
	usage->cpu_s = ticks_s(field(words, STAT_USER) + field(words, STAT_SYSTEM));
	usage->memory_bytes = anonymous_bytes(pid);
	return true;
}

/* What its children that have ended used. */
static bool ended_s(pid_t parent, double *cpu_s)
{
	char name[64], words[1024];
	if (!read_stat(parent, name, words, sizeof words))
		return false;
	*cpu_s = ticks_s(field(words, STAT_CHILDREN_USER) + field(words, STAT_CHILDREN_SYSTEM));
	return true;
}

static bool add_children(pid_t parent, struct vd_usage *usage)
{
	char path[64];
	int child;
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)parent, (int)parent);
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return false;
	while (fscanf(file, "%d", &child) == 1) {
		struct vd_usage own = { 0 };
		if (!vd_usage_of(child, &own))
			continue;
		usage->cpu_s += own.cpu_s;
		usage->memory_bytes += own.memory_bytes;
	}
	fclose(file);
	return true;
}

bool vd_usage_of_family(pid_t parent, struct vd_usage *usage)
{
	double before, after;
	int tries = 10;
	do { /* one that ends meanwhile would be missed, or counted twice */
		if (!vd_usage_of(parent, usage) || !ended_s(parent, &before) || !add_children(parent, usage) ||
			!ended_s(parent, &after))
			return false;
		usage->cpu_s += before;
	} while (before != after && --tries > 0);
	return true;
}

pid_t vd_usage_postmaster(pid_t backend)
{
	char name[64], words[1024];
	if (backend <= 0 || !read_stat(backend, name, words, sizeof words) || strncmp(name, "postgres", 8) != 0)
		return 0;
	pid_t parent = (pid_t)field(words, STAT_PARENT);
	bool is_postmaster = read_stat(parent, name, words, sizeof words) && strncmp(name, "postgres", 8) == 0;
	return is_postmaster ? parent : 0;
}
