/* SPDX-License-Identifier: Apache-2.0 */
/* turn.c: the steps of a turn, then what runs them. Callbacks store and resume.
 *
 * Fault points: drain.before_apply, drain.before_publish; on the way also claim.answered (claim.c), apply.before_send,
 * apply.middle and apply.after_commit (apply.c).
 */
#include "resolver/turn.h"

#include "common/base/clock.h"
#include "common/base/fault.h"
#include "common/base/log.h"
#include "resolver/office.h"

static void on_fetched(void *arg, const struct vd_pg_outcome *outcome);
static void on_applied(void *arg);

enum { STEP_CLAIM, STEP_LOAD, STEP_BASE, STEP_RESOLVE, STEP_APPLY, STEP_PUBLISH };

static struct vd_memory *memory_of(const struct vd_drain *drain)
{
	return drain->office->memory;
}

static struct vd_turn *other_turn(const struct vd_turn *turn)
{
	struct vd_turn *other = &turn->drain->turns[turn == &turn->drain->turns[0]];
	return other->state == VD_TURN_IDLE ? NULL : other;
}

/* ---- the steps --------------------------------------------------------------------------------------------- */

/* model: leader_claim */
static enum vd_step_result turn_claim(void *subject)
{
	struct vd_turn *turn = subject;
	struct vd_drain *drain = turn->drain;
	const struct vd_resolver_settings *settings = drain->office->settings;
	vd_turn_mark(turn, VD_STAGE_CLAIM);
	if (turn->is_retry)
		return VD_STEP_NEXT;
	struct vd_pg *pg = vd_wires_pg(drain->office->wires, VD_BACKEND_CLAIM);
	turn->batch = vd_memory_open(memory_of(drain));
	VD_ASSERT(pg != NULL && turn->batch != NULL);
	turn->times.began_us = turn->times.at_us[VD_STAGE_CLAIM];
	turn->look = vd_looks_begin(&drain->looks, vd_clock_ms());
	struct vd_claim_bounds bounds = { .low = turn->look.low,
		.requests = drain->limit,
		.bytes = settings->batch_bytes,
		.waiting = drain->waiting.clients,
		.waiting_bounds = drain->waiting.bounds,
		.waiting_count = drain->waiting.count,
		.lane = vd_crowd_lane(&drain->crowd, drain->limit, vd_clock_ms()) };
	struct vd_turn *other = other_turn(turn);
	turn->question.memory = memory_of(drain);
	turn->question.batch = turn->batch;
	turn->question.other = other == NULL ? NULL : other->batch;
	turn->question.is_abandoned = false;
	turn->is_asking = true;
	vd_claim_ask(&turn->question, pg, &bounds);
	return VD_STEP_WAIT;
}

static void note_crowd(struct vd_turn *turn)
{
	struct vd_drain *drain = turn->drain;
	const struct vd_claim_question *question = &turn->question;
	const struct vd_crowd_seen seen = { .is_full = drain->looks.has_more,
		.newest = question->newest,
		.reached = question->reached,
		.is_depth_used_up = question->depth > 0 && question->scouted == question->depth };
	vd_crowd_note(&drain->crowd, turn->batch, &seen, vd_clock_ms());
}

/* What the claim brought, and then what is not known of its clients. */
static enum vd_step_result turn_load(void *subject)
{
	struct vd_turn *turn = subject;
	struct vd_drain *drain = turn->drain;
	struct vd_memory *memory = memory_of(drain);
	if (!turn->is_retry) {
		struct vd_look_found found = { .rows = turn->batch->count, .newest = turn->question.newest };
		found.may_be_more = turn->question.was_full || turn->question.rows >= drain->limit ||
							turn->batch->payload_bytes * 2 >= (size_t)drain->office->settings->batch_bytes;
		vd_looks_end(&drain->looks, &turn->look, &found, vd_clock_ms());
		if (turn->batch->count == 0)
			return VD_STEP_REST;
	}
	turn->is_loaded = false;
	size_t count;
	const struct vd_client_id *missing = vd_memory_missing(memory, turn->batch, vd_clock_us(), &count);
	if (!turn->is_retry)
		note_crowd(turn);
	if (count == 0)
		return VD_STEP_NEXT;
	struct vd_pg *pg = vd_wires_pg(drain->office->wires, VD_BACKEND_CLAIM);
	if (pg == NULL)
		return VD_STEP_FAIL;
	turn->is_asking = true;
	vd_claim_ask_clients(&turn->question, pg, missing, count);
	return VD_STEP_WAIT;
}

/* model: leader_base */
static enum vd_step_result turn_base(void *subject)
{
	struct vd_turn *turn = subject;
	struct vd_memory *memory = memory_of(turn->drain);
	vd_turn_mark(turn, VD_STAGE_BASE);
	if (turn->question.is_broken) {
		vd_log_error("a stored outcome is not what its table says; the schema is damaged");
		return VD_STEP_FAIL;
	}
	if (!turn->is_loaded)
		vd_memory_loaded(memory, turn->batch, vd_clock_us());
	turn->is_loaded = true;
	vd_memory_base(memory, turn->batch);
	if (turn->batch->base_count == 0 && turn->batch->stretch_count == 0)
		return VD_STEP_NEXT;
	struct vd_pg *pg = vd_wires_pg(turn->drain->office->wires, VD_BACKEND_CLAIM);
	if (pg == NULL)
		return VD_STEP_FAIL;
	turn->is_asking = true;
	vd_claim_ask_base(&turn->question, pg);
	return VD_STEP_WAIT;
}

/* model: leader_resolve */
static enum vd_step_result turn_resolve(void *subject)
{
	struct vd_turn *turn = subject;
	struct vd_drain *drain = turn->drain;
	vd_turn_mark(turn, VD_STAGE_RESOLVE);
	bool lists = vd_clock_ms() < drain->office->list_until_ms;
	uint32_t claimed = turn->batch->count;
	bool is_resolved = vd_memory_resolve(memory_of(drain), turn->batch, lists, vd_clock_us());
	drain->looks.wants_full |= turn->batch->count < claimed;
	if (!is_resolved)
		return vd_steps_jump(&turn->run, STEP_BASE);
	vd_waiting_note(&drain->waiting, turn->batch);
	if (turn->batch->rows.arrival_count == 0) /* all of it waits: the timer looks again */
		drain->looks.has_more = drain->looks.wants_full = false;
	return turn->batch->rows.arrival_count == 0 ? VD_STEP_REST : VD_STEP_NEXT;
}

static enum vd_step_result turn_apply(void *subject)
{
	struct vd_turn *turn = subject;
	struct vd_office *office = turn->drain->office;
	if (!turn->waits_entry && !turn->waits_apply)
		vd_turn_mark(turn, VD_STAGE_APPLY);
	turn->waits_entry = !vd_office_may_apply(office);
	turn->waits_apply = other_turn(turn) != NULL && vd_apply_is_split();
	if (turn->waits_entry || turn->waits_apply)
		return vd_steps_again(&turn->run);
	(void)VD_FAULT("drain.before_apply");
	turn->state = VD_TURN_APPLYING;
	turn->is_asking = true;
	struct vd_pg *pg = vd_wires_pg(office->wires, VD_BACKEND_APPLY);
	vd_apply_send(&turn->apply, pg, turn->batch, &office->order, on_applied, turn);
	return VD_STEP_WAIT;
}

void vd_turn_mark(struct vd_turn *turn, enum vd_stage stage)
{
	turn->times.at_us[stage] = vd_clock_us();
}

void vd_turn_count(struct vd_turn *turn)
{
	const struct vd_counts *counts = &turn->batch->counts;
	struct vd_figures *figures = &turn->drain->office->hinge->figures;
	atomic_fetch_add(&figures->batches, 1);
	atomic_fetch_add(&figures->committed, counts->committed);
	atomic_fetch_add(&figures->conflicts, counts->conflicts);
	atomic_fetch_add(&figures->too_old, counts->too_old);
	atomic_fetch_add(&figures->rejected, counts->rejected);
	vd_turn_mark(turn, VD_STAGES);
	vd_metrics_batch(turn->drain->office->metrics, turn->batch, &turn->times);
}

/* model: leader_publish */
static enum vd_step_result turn_publish(void *subject)
{
	struct vd_turn *turn = subject;
	struct vd_drain *drain = turn->drain;
	struct vd_office *office = drain->office;
	VD_ASSERT(drain->order[0] == turn);
	(void)VD_FAULT("drain.before_publish");
	vd_turn_mark(turn, VD_STAGE_PUBLISH);
	vd_memory_publish(memory_of(drain), turn->batch, vd_clock_us());
	struct vd_pg *pg = vd_wires_pg(office->wires, VD_BACKEND_APPLY);
	if (office->order.is_synchronous && turn->apply.is_clean && pg != NULL)
		vd_apply_send_replies(&turn->apply, pg, turn->batch, office->settings->schema, true);
	vd_turn_count(turn);
	vd_backoff_reset(&drain->backoff);
	if (vd_drain_is_isolating(drain)) {
		uint32_t most = (uint32_t)office->settings->batch_requests;
		drain->limit = drain->limit > most / 2 ? most : drain->limit * 2;
		drain->looks.has_more = true;
	}
	return VD_STEP_NEXT;
}

static const struct vd_step turn_steps[] = {
	[STEP_CLAIM] = { "claim", turn_claim },
	[STEP_LOAD] = { "load", turn_load },
	[STEP_BASE] = { "base", turn_base },
	[STEP_RESOLVE] = { "resolve", turn_resolve },
	[STEP_APPLY] = { "apply", turn_apply },
	[STEP_PUBLISH] = { "publish", turn_publish },
};
static const struct vd_steps turn_table = VD_STEPS("drain", turn_steps);

/* ---- turns ------------------------------------------------------------------------------------------------- */

void vd_turn_is_over(struct vd_turn *turn)
{
	struct vd_drain *drain = turn->drain;
	VD_ASSERT(drain->active > 0 && !turn->is_asking);
	if (drain->order[0] == turn)
		drain->order[0] = drain->order[1];
	drain->order[1] = NULL;
	drain->active--;
	turn->state = VD_TURN_IDLE;
	turn->batch = NULL;
	turn->is_doomed = turn->is_orphan = turn->is_retry = turn->waits_entry = turn->waits_apply = false;
	vd_steps_reset(&turn->run);
}

/* A claimed batch goes back to the queue, where its rows still are. */
void vd_turn_give_up(struct vd_turn *turn)
{
	vd_memory_close(memory_of(turn->drain), turn->batch);
	vd_turn_is_over(turn);
}

void vd_turn_begin(struct vd_drain *drain)
{
	struct vd_turn *turn = &drain->turns[drain->turns[0].state != VD_TURN_IDLE];
	VD_ASSERT(turn->state == VD_TURN_IDLE);
	turn->state = VD_TURN_FETCHING;
	drain->order[drain->active++] = turn;
	vd_turn_resume(turn);
}

/* The only one that runs the steps. */
void vd_turn_resume(struct vd_turn *turn)
{
	struct vd_drain *drain = turn->drain;
	switch (vd_steps_go(&turn->run, turn)) {
	case VD_STEP_WAIT:
		break;
	case VD_STEP_REST:
		vd_turn_give_up(turn);
		if (drain->active == 0)
			vd_stall_is_over(&drain->office->stall);
		break;
	case VD_STEP_DONE:
		vd_turn_is_over(turn);
		vd_stall_is_over(&drain->office->stall);
		break;
	case VD_STEP_FAIL:
		vd_turn_give_up(turn);
		drain->looks.wants_full = true;
		break;
	case VD_STEP_NEXT:
		VD_UNREACHABLE("a walk of steps never says next");
	}
	vd_drain_go(drain);
}

/* A question of the claim connection is answered. */
static void on_fetched(void *arg, const struct vd_pg_outcome *outcome)
{
	struct vd_turn *turn = arg;
	struct vd_drain *drain = turn->drain;
	turn->is_asking = false;
	if (!drain->is_open || turn->is_orphan) {
		vd_turn_is_over(turn);
		vd_drain_go(drain);
		return;
	}
	if (outcome->status == VD_PG_OK && !turn->is_doomed) {
		vd_turn_resume(turn);
		return;
	}
	if (outcome->status == VD_PG_ERROR) {
		int64_t wait_ms = vd_backoff_next_ms(&drain->backoff);
		vd_log_warning("a read of the leader failed, tries again",
			VD_LOG_TEXT("step", vd_steps_name(&turn->run)), VD_LOG_TEXT("error", outcome->message),
			VD_LOG_INT("retry_ms", wait_ms));
		vd_timer_arm_ms(&drain->timer, wait_ms);
		drain->is_held = true;
	}
	drain->looks.wants_full = true;
	vd_turn_give_up(turn);
	vd_drain_mend(drain);
	vd_drain_go(drain);
}

/* The apply connection has answered for this turn's batch. */
static void on_applied(void *arg)
{
	struct vd_turn *turn = arg;
	struct vd_drain *drain = turn->drain;
	turn->is_asking = false;
	if (!drain->is_open) {
		vd_turn_is_over(turn);
		return;
	}
	if (turn->apply.end == VD_APPLY_COMMITTED && drain->order[0] == turn) {
		vd_turn_resume(turn);
		struct vd_turn *next = drain->order[0];
		if (next != NULL && next->waits_apply && drain->is_open)
			vd_turn_resume(next);
		/* The next one may have failed already, if memory was too short to send it. */
		vd_drain_mend(drain);
		return;
	}
	turn->state = VD_TURN_FAILED;
	drain->office->metrics->failures++;
	vd_drain_mend(drain);
}

void vd_turn_init(struct vd_turn *turn, struct vd_drain *drain)
{
	turn->drain = drain;
	vd_steps_init(&turn->run, &turn_table);
	vd_claim_question_init(&turn->question);
	turn->question.callback = on_fetched;
	turn->question.arg = turn;
	vd_apply_init(&turn->apply);
}

void vd_turn_fini(struct vd_turn *turn)
{
	vd_claim_question_fini(&turn->question);
	vd_apply_fini(&turn->apply);
}
