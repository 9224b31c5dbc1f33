/* SPDX-License-Identifier: Apache-2.0 */
/* step.h: what can happen next. One step is one statement, one message, or one thing that goes wrong.
 *
 * Each step that stands for something in the code has a mark there, "model: <name>"; tests/house/model.py holds the two to
 * each other. The others are the environment's.
 */
#ifndef VD_DOCS_MODEL_STEP_H
#define VD_DOCS_MODEL_STEP_H

#include "docs/model/setup.h"
#include "docs/model/state.h"

/* What a step is to progress: fair ones happen if they could happen for ever; free ones may; faults are not counted on. */
enum md_nature { MD_FAIR, MD_FREE, MD_FAULT };

#define MD_STEPS(X)                                                                                          \
	X(follower_submit, MD_FREE, "code")                                                                      \
	X(copy_arrives, MD_FAIR, "code")                                                                         \
	X(follower_resend, MD_FAIR, "code")                                                                      \
	X(follower_look, MD_FAIR, "code")                                                                        \
	X(follower_acknowledge, MD_FAIR, "code")                                                                 \
	X(follower_cancel, MD_FREE, "code")                                                                      \
	X(cancel_dequeue, MD_FAIR, "code")                                                                       \
	X(cancel_share, MD_FAIR, "code")                                                                         \
	X(cancel_bury, MD_FAIR, "code")                                                                          \
	X(reader_opens, MD_FREE, "code")                                                                         \
	X(reader_begins, MD_FREE, "code")                                                                        \
	X(apply_fence, MD_FAIR, "code")                                                                          \
	X(apply_check, MD_FAIR, "code")                                                                          \
	X(apply_commit, MD_FAIR, "code")                                                                         \
	X(take_office, MD_FAIR, "code")                                                                          \
	X(end_backends, MD_FAIR, "code")                                                                         \
	X(leader_claim, MD_FAIR, "code")                                                                         \
	X(leader_load_clients, MD_FAIR, "code")                                                                  \
	X(leader_load_outcomes, MD_FAIR, "code")                                                                 \
	X(leader_base, MD_FAIR, "code")                                                                          \
	X(leader_resolve, MD_FAIR, "code")                                                                       \
	X(leader_publish, MD_FAIR, "code")                                                                       \
	X(leader_mend, MD_FAIR, "code")                                                                          \
	X(leader_hold, MD_FAIR, "code")                                                                          \
	X(leader_settle, MD_FAIR, "code")                                                                        \
	X(leader_raise_floor, MD_FREE, "code")                                                                   \
	X(leader_read_waiting, MD_FAIR, "code")                                                                  \
	X(purge, MD_FAULT, "code")                                                                               \
	X(register_again, MD_FAULT, "environment")                                                               \
	X(cancel_times_out, MD_FREE, "environment")                                                              \
	X(answer_is_lost, MD_FAULT, "environment")                                                               \
	X(stalled_backend, MD_FAULT, "environment")                                                              \
	X(lease_runs_out, MD_FAULT, "environment")                                                               \
	X(connection_is_cut, MD_FAULT, "environment")                                                            \
	X(leader_dies, MD_FAULT, "environment")                                                                  \
	X(follower_doubts, MD_FAULT, "environment")                                                              \
	X(twin_sends, MD_FAULT, "environment")                                                                   \
	X(stranger_notifies, MD_FAULT, "environment")                                                            \
	X(crash, MD_FAULT, "environment")                                                                        \
	X(promotion, MD_FAULT, "environment")                                                                    \
	X(standbys_are_switched, MD_FAULT, "environment")

enum md_step {
#define MD_ENUM(name, nature, where) MD_STEP_##name,
	MD_STEPS(MD_ENUM)
#undef MD_ENUM
		MD_STEP_COUNT,
};
struct md_step_text {
	const char *name;
	enum md_nature nature;
	const char *where;
};
extern const struct md_step_text md_step_texts[MD_STEP_COUNT];

/* One walk over all that can happen next. */
struct md_walk {
	const struct md_setup *setup;
	/* A state that can be next; its step and whom it concerns are set below. Normalizes it. */
	void (*reached)(struct md_walk *walk, struct md_state *next);
	void *arg;
	enum md_step step;
	int subject;
	bool is_told; /* text is wanted */
	char text[400];
	/* What breaks with the step that is being made. */
	enum md_invariant breach;
	char breach_text[200];
};

/* Everything that can happen next. */
void md_walk_all(struct md_walk *walk, const struct md_state *state);
/* The state in which it begins: node 1 leads, node 2 stands by. */
void md_begin(struct md_state *state, const struct md_bounds *bounds);

/* ---- for the files of steps ---- */

void md_reach(struct md_walk *walk, struct md_state *next, enum md_step step, int subject, const char *format,
	...) __attribute__((format(printf, 5, 6)));
/* The first one of a step counts. */
void md_break(struct md_walk *walk, enum md_invariant breach, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

void md_follower_steps(struct md_walk *walk, const struct md_state *state);
void md_cancel_steps(struct md_walk *walk, const struct md_state *state);
void md_reader_steps(struct md_walk *walk, const struct md_state *state);
void md_pipeline_steps(struct md_walk *walk, const struct md_state *state);
void md_leader_steps(struct md_walk *walk, const struct md_state *state);
/* claim.c: a turn begins; a turn that is not sent yet goes on. */
void md_claim_steps(struct md_walk *walk, const struct md_state *state, int node);
void md_fetch_steps(struct md_walk *walk, const struct md_state *state, int node, int turn);
void md_office_steps(struct md_walk *walk, const struct md_state *state);
void md_fault_steps(struct md_walk *walk, const struct md_state *state);

/* A verdict comes to whoever asked. */
void md_tell(struct md_walk *walk, struct md_state *state, int request, uint8_t verdict, uint8_t at);
/* What must hold in any state. */
void md_check(struct md_walk *walk, const struct md_state *state);
/* What must hold when a batch's transaction commits: `database` is before it. */
void md_check_apply(struct md_walk *walk, const struct md_state *state, const struct md_pipeline *pipeline);

/* The watermark's lock. */
bool md_watermark_is_taken(const struct md_state *state);  /* by an apply */
bool md_watermark_is_shared(const struct md_state *state); /* by cancels */
bool md_row_is_locked(const struct md_state *state, int request);

/* A transaction commits: what the world may be then. With a synchronous standby the wait for it may be broken off. */
struct md_ending {
	struct md_state state;
	bool is_warned;
};
int md_endings(const struct md_setup *setup, const struct md_state *state, const struct md_database *database,
	struct md_ending endings[2]);
/* The same for a transaction that waits for no standby, whatever there is. */
int md_local_ending(const struct md_setup *setup, const struct md_state *state,
	const struct md_database *database, struct md_ending endings[2]);
/* A commit that ended without a warning: all before it is replicated too. */
void md_replicate(struct md_state *state);

/* How far its client has been told, without holes. */
uint8_t md_told_prefix(const struct md_setup *setup, const struct md_state *state, int client);
/* Acknowledges: outcomes up to the low-water are forgotten. */
void md_database_acknowledge(struct md_database *database, int client, uint8_t low_water);
void md_database_forget(struct md_database *database, int request);

/* What a request reads and writes, as masks of keys. */
uint8_t md_reads(const struct md_bounds *bounds, int request);
uint8_t md_writes(const struct md_bounds *bounds, int request);
static inline bool md_demands_absence(const struct md_bounds *bounds, int request)
{
	return bounds->put_if_absent >> request & 1;
}
static inline uint8_t md_writer(int request, bool is_other)
{
	return (uint8_t)(request + 1 + (is_other ? MD_REQUESTS : 0));
}
/* The requests of a mask in their order; returns how many. */
int md_in_order(uint8_t mask, bool descends, int requests[MD_REQUESTS]);
bool md_is_decided(uint8_t verdict); /* anew, and with a durable outcome */

/* resolve.c: verdicts, version and pipeline of what a turn has claimed. False: there is nothing to send. */
bool md_resolve(const struct md_setup *setup, struct md_state *state, int node, int turn);
/* Whether the leader lets this one wait for its client's acknowledgements. */
bool md_must_wait(const struct md_bounds *bounds, const struct md_node *node, int request);
/* A committed batch enters the leader's memory. */
void md_publish(const struct md_setup *setup, struct md_node *node, const struct md_turn *turn);
/* A turn and the one behind it are over. */
void md_turns_shift(struct md_node *node);
void md_turns_clear(struct md_node *node);

/* Its connection is gone: what was sent may still run, and nobody hears of it. */
void md_abandon(struct md_state *state, int node);

#endif
