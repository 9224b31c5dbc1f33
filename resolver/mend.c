/* SPDX-License-Identifier: Apache-2.0 */
/* mend.c: what the drain does when an apply did not commit, and when settling has told what landed.
 *
 * Two kinds. What PostgreSQL refused for a reason that it told (the fence, content) is certainly not committed: the batch
 * is discarded, what was resolved on it goes back to the queue, and it is resolved again with what was learned. For all
 * else (fenced, failed by the world, lost) the drain holds until the watermark was read on a fresh connection.
 */
#include "common/base/clock.h"
#include "common/base/log.h"
#include "resolver/office.h"
#include "resolver/turn.h"

static struct vd_memory *memory_of(const struct vd_drain *drain)
{
	return drain->office->memory;
}

/* ---- when an apply has failed ------------------------------------------------------------------------------ */

/* What was resolved on a batch that did not commit has to end before that batch is resolved again. True if it
 * has. */
static bool has_made_room(struct vd_drain *drain)
{
	struct vd_turn *second = drain->order[1];
	if (second == NULL || !second->is_asking)
		return true;
	second->is_doomed = second->state == VD_TURN_FETCHING;
	return false;
}

static bool is_certain(enum vd_apply_end end)
{
	return end == VD_APPLY_REFUSED || end == VD_APPLY_STANDBYS || end == VD_APPLY_CLEAR ||
		   end == VD_APPLY_CONTENT;
}

static void isolate(struct vd_drain *drain, struct vd_turn *turn)
{
	struct vd_batch *batch = turn->batch;
	bool is_clear = turn->apply.end == VD_APPLY_CLEAR;
	if (batch->count > 1) {
		uint32_t half = (batch->count + 1) / 2;
		vd_log_warning("a batch is halved to find the request that the database does not take",
			VD_LOG_UINT("version", batch->version), VD_LOG_UINT("requests", batch->count),
			VD_LOG_UINT("now", half), VD_LOG_TEXT("error", turn->apply.message));
		vd_batch_truncate(batch, half);
		drain->limit = half;
	} else {
		vd_log_warning("a request is rejected, the database does not take it",
			VD_LOG_UINT("sequence", batch->items[0].sequence), VD_LOG_TEXT("error", turn->apply.message));
		vd_batch_reject(
			batch, 0, is_clear ? VD_CODE_CLEAR_TOO_LARGE : VD_CODE_SQL_ERROR, turn->apply.message);
		drain->limit = 1;
	}
}

/* The oldest turn goes on from its clients; nothing was committed. */
static void turn_retry(struct vd_turn *turn)
{
	turn->state = VD_TURN_FETCHING;
	turn->is_retry = true;
	turn->question.is_broken = false;
	turn->question.batch = turn->batch;
	vd_steps_reset(&turn->run);
	vd_turn_resume(turn);
}

void vd_drain_mend(struct vd_drain *drain)
{
	struct vd_turn *turn = drain->order[0];
	if (turn == NULL || turn->state != VD_TURN_FAILED || drain->is_settling)
		return;
	enum vd_apply_end end = turn->apply.end;
	bool second_is_sent = drain->order[1] != NULL && drain->order[1]->state == VD_TURN_APPLYING;
	if (second_is_sent || (is_certain(end) && !has_made_room(drain)))
		return;
	if (end != VD_APPLY_CLEAR && end != VD_APPLY_CONTENT)
		vd_log_warning("a batch has not been applied", VD_LOG_TEXT("it", vd_apply_end_text(end)),
			VD_LOG_UINT("version", turn->batch->version), VD_LOG_UINT("from", turn->batch->from),
			VD_LOG_UINT("requests", turn->batch->count), VD_LOG_TEXT("error", turn->apply.message),
			VD_LOG_TEXT("hint", turn->apply.hint));
	/* model: leader_hold */
	if (!is_certain(end)) {
		vd_settle_begin(&drain->office->settle, vd_apply_end_text(end), end == VD_APPLY_WORLD);
		return;
	}
	/* model: leader_mend */
	struct vd_memory *memory = memory_of(drain);
	vd_memory_discard(memory, turn->batch, vd_clock_us());
	if (drain->order[1] != NULL)
		vd_turn_give_up(drain->order[1]);
	drain->looks.wants_full = true;
	if (end == VD_APPLY_REFUSED)
		vd_memory_forget_clients(memory, turn->batch);
	else if (end == VD_APPLY_STANDBYS)
		drain->office->order.is_synchronous = !drain->office->order.is_synchronous;
	else
		isolate(drain, turn);
	turn_retry(turn);
}

/* Committed after all, but nobody saw how COMMIT ended. */
static void publish_settled(struct vd_turn *turn)
{
	struct vd_office *office = turn->drain->office;
	vd_turn_mark(turn, VD_STAGE_PUBLISH);
	vd_memory_publish(office->memory, turn->batch, vd_clock_us());
	struct vd_pg *pg = vd_wires_pg(office->wires, VD_BACKEND_APPLY);
	if (pg != NULL)
		vd_apply_send_replies(&turn->apply, pg, turn->batch, office->settings->schema, false);
	vd_turn_count(turn);
	vd_turn_is_over(turn);
}

/* A turn that still waits for an answer on the claim connection ends when it comes. */
static void drop_fetching(struct vd_drain *drain)
{
	for (unsigned i = 0; i < 2; i++)
		if (drain->turns[i].state == VD_TURN_FETCHING && drain->turns[i].is_asking)
			drain->turns[i].is_doomed = true;
}

void vd_drain_hold(struct vd_drain *drain)
{
	drain->is_settling = true;
}

void vd_drain_settled(struct vd_drain *drain, uint32_t landed)
{
	struct vd_memory *memory = memory_of(drain);
	drop_fetching(drain);
	while (landed-- > 0)
		publish_settled(drain->order[0]);
	for (unsigned i = 0; i < drain->active; i++) {
		if (drain->order[i]->batch->state == VD_BATCH_RESOLVED) {
			vd_memory_discard(memory, drain->order[i]->batch, vd_clock_us());
			break;
		}
	}
	for (unsigned i = drain->active; i-- > 0;)
		if (!drain->order[i]->is_asking)
			vd_turn_give_up(drain->order[i]);
	drain->is_settling = false;
	drain->looks.wants_full = true;
	vd_drain_go(drain);
}

void vd_drain_reloaded(struct vd_drain *drain, uint64_t version, const struct vd_lock *lock)
{
	/* Memory gives all batches up; a question that is under way must not put its answer into one. */
	for (unsigned i = 0; i < 2; i++)
		drain->turns[i].question.is_abandoned = true;
	vd_memory_reload(memory_of(drain), version, vd_clock_us());
	vd_memory_set_lock(memory_of(drain), lock);
	for (unsigned i = drain->active; i-- > 0;) {
		struct vd_turn *turn = drain->order[i];
		if (turn->is_asking)
			turn->is_orphan = true;
		else
			vd_turn_is_over(turn);
	}
	vd_looks_reset(&drain->looks);
	drain->is_settling = false;
	drain->looks.wants_full = true;
	vd_drain_go(drain);
}
