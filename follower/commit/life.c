/* SPDX-License-Identifier: Apache-2.0 */
#include "follower/commit/life.h"

#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

static bool has_no_number(const void *owner)
{
	const struct vd_commit *commit = owner;
	return commit->sequence == 0 && !commit->in_statement && !commit->wished;
}

static bool is_carried(const void *owner)
{
	const struct vd_commit *commit = owner;
	return commit->sequence != 0 && commit->in_statement && !commit->wished;
}

static bool is_with_the_database(const void *owner)
{
	const struct vd_commit *commit = owner;
	return commit->sequence != 0 && !commit->in_statement && !commit->wished;
}

static bool is_wished(const void *owner)
{
	const struct vd_commit *commit = owner;
	return commit->sequence != 0 && commit->wished;
}

#define DECIDED VD_MAY(VD_COMMIT_DECIDED)
#define GIVE_UP VD_MAY(VD_COMMIT_GIVING_UP)

static const struct vd_state life_states[] = {
	[VD_COMMIT_WAITING] = { "waiting",
		"in the library, for the statement before it to end or for a connection",
		VD_MAY(VD_COMMIT_SENDING) | DECIDED, has_no_number },
	[VD_COMMIT_SENDING] = { "sending", "carried by a first statement that is under way",
		VD_MAY(VD_COMMIT_SUBMITTED) | VD_MAY(VD_COMMIT_DOUBTFUL) | GIVE_UP | DECIDED, is_carried },
	[VD_COMMIT_SUBMITTED] = { "submitted", "the database has it, a reply or a look will bring the verdict",
		VD_MAY(VD_COMMIT_DOUBTFUL) | GIVE_UP | DECIDED, is_with_the_database },
	[VD_COMMIT_DOUBTFUL] = { "doubtful",
		"the end of its statement is unknown or the queue was lost, so the same is sent again",
		VD_MAY(VD_COMMIT_RESENDING) | GIVE_UP | DECIDED, is_with_the_database },
	[VD_COMMIT_RESENDING] = { "resending", "carried by a statement that adds it only if it is not there",
		VD_MAY(VD_COMMIT_SUBMITTED) | VD_MAY(VD_COMMIT_DOUBTFUL) | GIVE_UP | DECIDED, is_carried },
	[VD_COMMIT_GIVING_UP] = { "giving_up",
		"not wanted any more, the database decides which of the two it was", DECIDED, is_wished },
	[VD_COMMIT_DECIDED] = { "decided", "the verdict is known", 0, NULL },
};

const struct vd_machine vd_commit_life = VD_MACHINE("commit", life_states);

/* The one mover. */
static void move(struct vd_commits *commits, struct vd_commit *commit, enum vd_commit_state to)
{
	commits->count[commit->state]--;
	vd_machine_move(&vd_commit_life, &commit->state, to, commit);
	commits->count[to]++;
}

/* ---- the book ---- */

bool vd_commits_init(struct vd_commits *commits, size_t most)
{
	/* numbers are dense, so their low bits are the hash */
	size_t buckets = 64;
	while (buckets < most && buckets < ((size_t)1 << 20))
		buckets *= 2;
	*commits = (struct vd_commits){ .mask = buckets - 1 };
	TAILQ_INIT(&commits->waiting);
	TAILQ_INIT(&commits->open);
	TAILQ_INIT(&commits->decided);
	commits->buckets = calloc(buckets, sizeof *commits->buckets);
	return commits->buckets != NULL;
}

void vd_commits_fini(struct vd_commits *commits)
{
	free(commits->buckets);
	commits->buckets = NULL;
}

static struct vd_commit_bucket *bucket_of(const struct vd_commits *commits, uint64_t sequence)
{
	return &commits->buckets[sequence & commits->mask];
}

void vd_commits_add(struct vd_commits *commits, struct vd_commit *commit)
{
	commit->state = VD_COMMIT_WAITING;
	commits->count[VD_COMMIT_WAITING]++;
	TAILQ_INSERT_TAIL(&commits->waiting, commit, link);
}

void vd_commits_number(struct vd_commits *commits, struct vd_commit *commit, uint64_t token)
{
	TAILQ_REMOVE(&commits->waiting, commit, link);
	commit->sequence = ++commits->last_sequence;
	commit->token = token;
	commit->in_statement = true;
	TAILQ_INSERT_TAIL(&commits->open, commit, link);
	LIST_INSERT_HEAD(bucket_of(commits, commit->sequence), commit, bucket);
	commits->open_count++;
	commits->open_bytes += commit->payload.size;
	move(commits, commit, VD_COMMIT_SENDING);
}

struct vd_commit *vd_commits_find(const struct vd_commits *commits, uint64_t sequence)
{
	struct vd_commit *commit;
	LIST_FOREACH(commit, bucket_of(commits, sequence), bucket)
	if (commit->sequence == sequence)
		return commit;
	return NULL;
}

void vd_commits_arrived(struct vd_commits *commits, struct vd_commit *commit)
{
	commit->in_statement = false;
	if (commit->state != VD_COMMIT_GIVING_UP)
		move(commits, commit, VD_COMMIT_SUBMITTED);
}

void vd_commits_doubt(struct vd_commits *commits, struct vd_commit *commit)
{
	commit->in_statement = false;
	if (commit->state != VD_COMMIT_GIVING_UP && commit->state != VD_COMMIT_DOUBTFUL)
		move(commits, commit, VD_COMMIT_DOUBTFUL);
}

void vd_commits_resend(struct vd_commits *commits, struct vd_commit *commit)
{
	commit->in_statement = true;
	move(commits, commit, VD_COMMIT_RESENDING);
}

void vd_commits_give_up(struct vd_commits *commits, struct vd_commit *commit)
{
	if (commit->state == VD_COMMIT_GIVING_UP || commit->state == VD_COMMIT_DECIDED)
		return;
	commit->wished = true;
	if (commit->state != VD_COMMIT_WAITING) {
		move(commits, commit, VD_COMMIT_GIVING_UP);
		return;
	}
	const struct vd_verdict never_sent = { .code = VD_CODE_TRANSACTION_CANCELLED };
	vd_commits_decide(commits, commit, &never_sent);
}

void vd_commits_decide(struct vd_commits *commits, struct vd_commit *commit, const struct vd_verdict *verdict)
{
	if (commit->state == VD_COMMIT_WAITING) {
		TAILQ_REMOVE(&commits->waiting, commit, link);
	} else {
		TAILQ_REMOVE(&commits->open, commit, link);
		LIST_REMOVE(commit, bucket);
		commits->open_count--;
		commits->open_bytes -= commit->payload.size;
	}
	commit->verdict = *verdict;
	if (verdict->message != NULL && *verdict->message != '\0')
		commit->message = strdup(verdict->message);
	commit->verdict.message = commit->message != NULL ? commit->message : "";
	struct vd_bytes further = verdict->further;
	if (further.size > 0 && (commit->further = malloc(further.size)) != NULL)
		memcpy(commit->further, further.data, further.size);
	commit->verdict.further = vd_bytes_of(commit->further, commit->further != NULL ? further.size : 0);
	TAILQ_INSERT_TAIL(&commits->decided, commit, link);
	move(commits, commit, VD_COMMIT_DECIDED);
}

uint64_t vd_commits_low_water(const struct vd_commits *commits)
{
	const struct vd_commit *oldest = TAILQ_FIRST(&commits->open);
	return oldest != NULL ? oldest->sequence - 1 : commits->last_sequence;
}
