/* SPDX-License-Identifier: Apache-2.0 */
/* fetch.c: one read on its way: made by a member, queued in its snapshot, told once or cancelled. */
#include "follower/snapshot/internal.h"

#include <stdlib.h>
#include <string.h>

void fetch_free(struct vd_fetch *fetch)
{
	if (fetch->rows != NULL)
		vd_pg_rows_free(fetch->rows);
	free(fetch);
}

bool fetch_is_refused(const struct vd_fetch *fetch)
{
	const struct vd_snapshot *snapshot = fetch->snapshot;
	if (fetch->handler == NULL || !snapshot->has_version)
		return false;
	return (fetch->kind != FETCH_VERSION || snapshot->is_locked) && snapshot_refuses(snapshot, fetch->member);
}

void fetch_tell(struct vd_fetch *fetch, int code, const char *message)
{
	struct vd_fetched fetched = { .code = code, .message = message };
	if (fetch_is_refused(fetch))
		fetched = (struct vd_fetched){ .code = fetch->member->code, .message = fetch->member->message };
	fetch->list = NULL;
	if (fetch->handler != NULL)
		fetch->handler(fetch->arg, &fetched);
	fetch_free(fetch);
}

struct vd_fetch *fetch_new(struct vd_member *member, enum fetch_kind kind, struct vd_range range,
	vd_fetch_handler *handler, void *arg)
{
	struct vd_snapshot *snapshot = member->snapshot;
	struct vd_fetch *fetch = malloc(sizeof *fetch + range.begin.size + range.end.size);
	if (fetch == NULL)
		return NULL;
	*fetch = (struct vd_fetch){
		.snapshot = snapshot, .member = member, .kind = kind, .handler = handler, .arg = arg
	};
	uint8_t *at = (uint8_t *)(fetch + 1);
	if (range.begin.size > 0)
		memcpy(at, range.begin.data, range.begin.size);
	if (range.end.size > 0)
		memcpy(at + range.begin.size, range.end.data, range.end.size);
	fetch->range.range =
		vd_range_of(vd_bytes_of(at, range.begin.size), vd_bytes_of(at + range.begin.size, range.end.size));
	fetch->list = kind == FETCH_VERSION ? &snapshot->versions : &snapshot->queued;
	TAILQ_INSERT_TAIL(fetch->list, fetch, link);
	if (snapshot->state == SNAPSHOT_OPEN && kind != FETCH_VERSION)
		vd_guard_post(snapshot->pool->database->guard, &snapshot->pool->pump);
	return fetch;
}

struct vd_fetch *vd_fetch_version(struct vd_member *member, vd_fetch_handler *handler, void *arg)
{
	return fetch_new(member, FETCH_VERSION, (struct vd_range){ 0 }, handler, arg);
}

struct vd_fetch *vd_fetch_key(
	struct vd_member *member, struct vd_bytes key, vd_fetch_handler *handler, void *arg)
{
	return fetch_new(member, FETCH_KEY, (struct vd_range){ .begin = key }, handler, arg);
}

struct vd_fetch *vd_fetch_range(
	struct vd_member *member, const struct vd_fetch_range *range, vd_fetch_handler *handler, void *arg)
{
	struct vd_fetch *fetch = fetch_new(member, FETCH_RANGE, range->range, handler, arg);
	if (fetch != NULL) {
		fetch->range.is_reverse = range->is_reverse;
		fetch->range.with_values = range->with_values;
		fetch->range.rows = range->rows;
		fetch->range.bytes = range->bytes;
	}
	return fetch;
}

void vd_fetch_cancel(struct vd_fetch *fetch)
{
	fetch->handler = NULL;
	if (fetch->list == NULL)
		return; /* it was sent: the batch frees it */
	TAILQ_REMOVE(fetch->list, fetch, link);
	fetch_free(fetch);
}
