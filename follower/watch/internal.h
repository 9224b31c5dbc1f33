/* SPDX-License-Identifier: Apache-2.0 */
/* internal.h: what the files of this room share. */
#ifndef VD_FOLLOWER_WATCH_INTERNAL_H
#define VD_FOLLOWER_WATCH_INTERNAL_H

#include "common/base/arena.h"
#include "common/loop/loop.h"
#include "follower/watch/watch.h"

struct vd_pg;
struct vd_pg_link;

enum { DIGEST_BYTES = 32 };

enum watch_state {
	WATCH_PENDING, /* its transaction has not committed */
	WATCH_ARMED,   /* is to be proven */
	WATCH_PROVEN,  /* has the digest of what was seen */
};

struct vd_watch {
	TAILQ_ENTRY(vd_watch) link;
	struct vd_watch_list *list;
	struct vd_watcher *watcher;
	struct vd_future *future;
	struct vd_future *seen; /* the read of the value; NULL once proven */
	enum watch_state state;
	bool has_seen;   /* the read has ended well */
	bool in_look;    /* a statement under way points to it */
	bool is_over;    /* nobody waits for it: freed as soon as nothing points to it */
	bool is_counted; /* against max_watches */
	bool is_absent;  /* no value was seen */
	uint8_t digest[DIGEST_BYTES];
	struct vd_task forget;
	size_t key_size;
	uint8_t key[];
};

struct vd_watcher {
	struct vd_database *database;
	struct vd_pg_link *link; /* NULL: nothing was armed yet */
	struct vd_watch_list armed;
	size_t count; /* of the watches that somebody waits for, pending ones too */
	struct vd_task pump;
	struct vd_timer timer;
	struct vd_arena scratch; /* parameters, until they are sent */
	unsigned looks;          /* statements under way */
	int64_t looked_ms;       /* when the first of them was sent */
	int64_t interval_ms;
	int64_t version;  /* the watermark at the last look; 0: look in any case */
	bool has_moved;   /* the watermark has, since the last look */
	bool is_troubled; /* the server refuses: nothing is looked at before the timer */
	bool is_closing;
};

/* watch.c */
/* Ends the watch and frees it; nothing under way points to it. */
void watch_end(struct vd_watch *watch, int code, const char *message);
/* Those that nobody waits for any more end; one in a look counts no longer, and ends with it. */
void watches_sweep(struct vd_watch_list *list);

#endif
