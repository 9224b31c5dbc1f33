/* SPDX-License-Identifier: Apache-2.0 */
/* stall.c: see stall.h. */
#include "resolver/stall.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/pg/connection.h"
#include "resolver/office.h"

#include <string.h>

enum { HITS = 2, DOUBLED_MOST = 16 };

/* The sweep's may take its time: nobody waits for it. */
static const enum vd_backend watched[] = { VD_BACKEND_CLAIM, VD_BACKEND_APPLY };

/* For how long one may be away: what comes back by its back-off is not. */
static int64_t absence_ms(const struct vd_office *office)
{
	return office->settings->lease_ttl_ms + vd_backoff_reconnect.most_ms;
}

/* For how long nothing may move. */
static int64_t patience_ms(const struct vd_office *office, enum vd_backend which)
{
	unsigned deaths = office->wires->wire[which].deaths;
	return office->settings->lease_ttl_ms << (deaths < DOUBLED_MOST ? deaths : DOUBLED_MOST);
}

static bool is_silent(const struct vd_office *office, enum vd_backend which)
{
	struct vd_pg *pg = vd_wires_pg(office->wires, which);
	return pg != NULL && vd_pg_stalled_ms(pg) >= patience_ms(office, which);
}

/* A doubt has a number for each set of suspects, so that no testimony is taken for one about another set. */
static void doubt(struct vd_stall *stall, const int32_t pids[VD_BACKENDS], bool is_missing)
{
	struct vd_hinge *hinge = stall->office->hinge;
	bool is_in_doubt = is_missing;
	for (unsigned i = 0; i < VD_BACKENDS; i++)
		is_in_doubt |= pids[i] != 0;
	if (is_in_doubt == stall->is_in_doubt && memcmp(pids, stall->suspects, sizeof stall->suspects) == 0)
		return;
	stall->is_in_doubt = is_in_doubt;
	memcpy(stall->suspects, pids, sizeof stall->suspects);
	for (unsigned i = 0; i < VD_BACKENDS; i++) {
		atomic_store(&hinge->suspects[i].pid, pids[i]);
		atomic_store(&hinge->suspects[i].start_us, stall->office->wires->wire[i].start_us);
	}
	atomic_store(&hinge->doubt, is_in_doubt ? ++stall->doubts : 0);
}

void vd_stall_tick(struct vd_stall *stall)
{
	struct vd_office *office = stall->office;
	int32_t pids[VD_BACKENDS] = { 0 };
	int64_t now_ms = vd_clock_ms();
	bool is_missing = false;
	for (unsigned i = 0; i < VD_COUNT(watched); i++) {
		enum vd_backend which = watched[i];
		bool is_up = vd_wires_pg(office->wires, which) != NULL;
		int64_t since_ms = stall->missing_since_ms[which];
		stall->missing_since_ms[which] = is_up ? 0 : since_ms == 0 ? now_ms : since_ms;
		stall->is_missed[which] = !is_up && since_ms != 0 && now_ms - since_ms >= absence_ms(office);
		is_missing |= stall->is_missed[which];
		if (is_silent(office, which))
			pids[which] = office->wires->wire[which].pid;
		else
			stall->hits[which] = 0;
	}
	doubt(stall, pids, is_missing);
}

/* ---- what the server says ---------------------------------------------------------------------------------- */

static void desert(struct vd_stall *stall, const char *why)
{
	struct vd_office *office = stall->office;
	stall->is_deserting = true;
	vd_log_warning("cannot lead over its connections while its keeper is well, so another node is to lead",
		VD_LOG_TEXT("why", why));
	office->events.on_deserted(office->events.arg);
}

/* One beside it that has nothing to do would show only later that it is dead as well: a fresh one costs next to nothing. */
static void give_up(struct vd_stall *stall, enum vd_backend which)
{
	struct vd_wires *wires = stall->office->wires;
	vd_log_warning("the server waits for this node, which waits for the server: the connection is dead",
		VD_LOG_INT("backend", wires->wire[which].pid),
		VD_LOG_INT("silent_ms", patience_ms(stall->office, which)));
	stall->hits[which] = 0;
	stall->is_renewed[which] = true;
	wires->wire[which].deaths++;
	vd_wires_renew(wires, which, "it was dead without a sign");
	for (unsigned i = 0; i < VD_COUNT(watched); i++) {
		struct vd_pg *other = vd_wires_pg(wires, watched[i]);
		if (other != NULL && vd_pg_in_flight(other) == 0)
			vd_wires_renew(wires, watched[i], "the one beside it was dead without a sign");
	}
}

/* The server waits for us, as it has done before. */
static bool is_dead(struct vd_stall *stall, enum vd_backend which)
{
	const struct vd_office *office = stall->office;
	int32_t waiting = atomic_load(&office->hinge->testimony.waiting[which]);
	bool is_hit = is_silent(office, which) && waiting == office->wires->wire[which].pid;
	stall->hits[which] = is_hit ? stall->hits[which] + 1 : 0;
	return stall->hits[which] >= HITS;
}

static void judge(struct vd_stall *stall, bool has_others)
{
	for (unsigned i = 0; i < VD_COUNT(watched); i++) {
		enum vd_backend which = watched[i];
		bool is_gone = is_dead(stall, which);
		if (has_others && stall->is_missed[which]) {
			desert(stall, "there is none");
			return;
		}
		if (has_others && is_gone && stall->is_renewed[which]) {
			desert(stall, "a fresh one is dead as well");
			return;
		}
		if (is_gone)
			give_up(stall, which);
	}
}

void vd_stall_hear(struct vd_stall *stall)
{
	const struct vd_testimony *testimony = &stall->office->hinge->testimony;
	uint64_t count = atomic_load(&testimony->count);
	bool is_new = count != stall->testimonies;
	stall->testimonies = count;
	if (is_new && stall->is_in_doubt && !stall->is_deserting &&
		atomic_load(&testimony->doubt) == stall->doubts)
		judge(stall, atomic_load(&testimony->has_others));
}

/* ---- the beginning and the end ----------------------------------------------------------------------------- */

void vd_stall_is_over(struct vd_stall *stall)
{
	for (unsigned i = 0; i < VD_BACKENDS; i++) {
		stall->is_renewed[i] = false;
		stall->office->wires->wire[i].deaths = 0;
	}
}

void vd_stall_end(struct vd_stall *stall)
{
	const int32_t nobody[VD_BACKENDS] = { 0 };
	doubt(stall, nobody, false);
}

void vd_stall_begin(struct vd_stall *stall, struct vd_office *office)
{
	*stall = (struct vd_stall){ .office = office };
	stall->testimonies = atomic_load(&office->hinge->testimony.count);
	stall->doubts = atomic_load(&office->hinge->won) << 32; /* those of other terms have other numbers */
}
