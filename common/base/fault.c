/* SPDX-License-Identifier: Apache-2.0 */
/* fault.c: a short list of rules, looked through at each hit under one mutex; speed matters only while inert.
 */
#include "common/base/fault.h"

#include "common/base/codes.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum action { ACTION_NONE, ACTION_PAUSE, ACTION_KILL, ACTION_FAIL, ACTION_SLEEP };
static const char *const action_names[] = { "none", "pause", "kill", "fail", "sleep" };

struct rule {
	char name[64];
	unsigned first;
	unsigned last;
	enum action action;
	long sleep_ms;
};

/* each place that was passed while armed, for numbering hits */
struct place {
	char name[64];
	unsigned hits;
};

#define RULES_MAX  16
#define PLACES_MAX 128

_Atomic int vd_fault_armed = -1;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[RULES_MAX];
static size_t rule_count;
static struct place places[PLACES_MAX];
static size_t place_count;
static int log_fd = -1;

static bool parse_hit(const char *text, struct rule *rule)
{
	if (strcmp(text, "*") == 0) {
		rule->first = 1;
		rule->last = (unsigned)-1;
		return true;
	}
	char *end;
	unsigned long number = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || number == 0 || number > 1000000000)
		return false;
	rule->first = (unsigned)number;
	rule->last = *end == '+' ? (unsigned)-1 : rule->first;
	return *end == '\0' || strcmp(end, "+") == 0;
}

static bool parse_action(const char *text, struct rule *rule)
{
	if (strncmp(text, "sleep=", 6) == 0) {
		char *end;
		rule->action = ACTION_SLEEP;
		rule->sleep_ms = strtol(text + 6, &end, 10);
		return text[6] >= '0' && text[6] <= '9' && *end == '\0' && rule->sleep_ms <= 3600000;
	}
	for (enum action action = ACTION_PAUSE; action <= ACTION_FAIL; action++)
		if (strcmp(text, action_names[action]) == 0) {
			rule->action = action;
			return true;
		}
	return false;
}

static bool parse_rule(char *text, struct rule *rule)
{
	char *save = NULL;
	const char *name = strtok_r(text, ":", &save);
	const char *hit = strtok_r(NULL, ":", &save);
	const char *action = strtok_r(NULL, ":", &save);
	if (name == NULL || hit == NULL || action == NULL || strtok_r(NULL, ":", &save) != NULL ||
		strlen(name) >= sizeof rule->name)
		return false;
	snprintf(rule->name, sizeof rule->name, "%s", name);
	return parse_hit(hit, rule) && parse_action(action, rule);
}

static int parse(const char *spec, struct rule parsed[RULES_MAX], size_t *count, struct vd_error *error)
{
	char text[1024];
	*count = 0;
	if (strlen(spec) >= sizeof text)
		return vd_error_set(error, VD_CODE_INVALID_OPTION_VALUE, "VERDICT_FAULT is too long");
	snprintf(text, sizeof text, "%s", spec);
	char *save = NULL;
	for (char *one = strtok_r(text, ",", &save); one != NULL; one = strtok_r(NULL, ",", &save)) {
		if (*count == RULES_MAX)
			return vd_error_set(
				error, VD_CODE_INVALID_OPTION_VALUE, "VERDICT_FAULT has more than %d faults", RULES_MAX);
		if (!parse_rule(one, &parsed[*count])) {
			vd_error_set(
				error, VD_CODE_INVALID_OPTION_VALUE, "VERDICT_FAULT has a malformed fault in \"%s\"", spec);
			vd_error_hint(
				error, "name:hit:action with hit 3, 3+ or * and action pause, kill, fail or sleep=MS");
			return VD_CODE_INVALID_OPTION_VALUE;
		}
		(*count)++;
	}
	return 0;
}

/* under the lock */
static int arm(const char *spec, const char *log_path, struct vd_error *error)
{
	struct rule parsed[RULES_MAX];
	size_t count = 0;
	int code = spec == NULL ? 0 : parse(spec, parsed, &count, error);
	if (code != 0)
		return code;
	int fd = -1;
	if (log_path != NULL && log_path[0] != '\0') {
		fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (fd < 0)
			return vd_error_set(error, VD_CODE_IO_ERROR, "cannot open %s: %s", log_path, strerror(errno));
	}
	if (log_fd >= 0)
		close(log_fd);
	log_fd = fd;
	memcpy(rules, parsed, count * sizeof *rules);
	rule_count = count;
	place_count = 0;
	atomic_store(&vd_fault_armed, count > 0 || fd >= 0);
	return 0;
}

int vd_fault_arm(const char *spec, const char *log_path, struct vd_error *error)
{
	pthread_mutex_lock(&lock);
	int code = arm(spec, log_path, error);
	pthread_mutex_unlock(&lock);
	return code;
}

void vd_fault_disarm(void)
{
	int code = vd_fault_arm(NULL, NULL, NULL);
	VD_ASSERT(code == 0);
}

/* under the lock, once */
static void arm_from_environment(void)
{
	struct vd_error error;
	if (arm(secure_getenv("VERDICT_FAULT"), secure_getenv("VERDICT_FAULT_LOG"), &error) == 0)
		return;
	vd_error_print(&error, "verdict", stderr);
	atomic_store(&vd_fault_armed, 0);
}

static struct place *place_of(const char *name)
{
	for (size_t i = 0; i < place_count; i++)
		if (strcmp(places[i].name, name) == 0)
			return &places[i];
	if (place_count == PLACES_MAX)
		return NULL;
	struct place *place = &places[place_count++];
	snprintf(place->name, sizeof place->name, "%s", name);
	place->hits = 0;
	return place;
}

static const struct rule *rule_of(const char *name, unsigned hit)
{
	for (size_t i = 0; i < rule_count; i++)
		if (strcmp(rules[i].name, name) == 0 && hit >= rules[i].first && hit <= rules[i].last)
			return &rules[i];
	return NULL;
}

static void note(const char *name, unsigned hit, enum action action)
{
	if (log_fd < 0)
		return;
	char line[128];
	int size = snprintf(line, sizeof line, "%.64s %u %s\n", name, hit, action_names[action]);
	ssize_t written = write(log_fd, line, (size_t)size);
	(void)written; /* a test that misses the line fails by itself */
}

static void sleep_ms(long ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };
	while (nanosleep(&left, &left) != 0 && errno == EINTR)
		;
}

bool vd_fault_hit(const char *name)
{
	pthread_mutex_lock(&lock);
	if (atomic_load(&vd_fault_armed) < 0)
		arm_from_environment();
	struct rule rule = { .action = ACTION_NONE };
	struct place *place = atomic_load(&vd_fault_armed) > 0 ? place_of(name) : NULL;
	if (place != NULL) {
		place->hits++;
		const struct rule *found = rule_of(name, place->hits);
		if (found != NULL)
			rule = *found;
		note(name, place->hits, rule.action);
	}
	pthread_mutex_unlock(&lock);

	switch (rule.action) {
	case ACTION_PAUSE:
		raise(SIGSTOP);
		break;
	case ACTION_KILL:
		raise(SIGKILL);
		break;
	case ACTION_SLEEP:
		sleep_ms(rule.sleep_ms);
		break;
	case ACTION_FAIL:
		return true;
	case ACTION_NONE:
		break;
	}
	return false;
}

bool vd_fault_is_watched(const char *name)
{
	if (atomic_load_explicit(&vd_fault_armed, memory_order_relaxed) == 0)
		return false;
	pthread_mutex_lock(&lock);
	if (atomic_load(&vd_fault_armed) < 0)
		arm_from_environment();
	bool is_watched = log_fd >= 0;
	for (size_t i = 0; i < rule_count; i++)
		is_watched = is_watched || strcmp(rules[i].name, name) == 0;
	pthread_mutex_unlock(&lock);
	return is_watched;
}

unsigned vd_fault_hits(const char *name)
{
	pthread_mutex_lock(&lock);
	unsigned hits = 0;
	for (size_t i = 0; i < place_count; i++)
		if (strcmp(places[i].name, name) == 0)
			hits = places[i].hits;
	pthread_mutex_unlock(&lock);
	return hits;
}
