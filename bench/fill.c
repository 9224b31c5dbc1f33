/* SPDX-License-Identifier: Apache-2.0 */
/* fill.c: the store before the run: what a workload wants to find is there, and nothing else of it. */
#include "bench/run.h"

enum {
	LANES = 8,         /* commits under way */
	PIECE_KEYS = 2000, /* of one commit */
	PIECE_BYTES = 2000000,
};

/* One commit under way: the keys from `from` to before `to`. */
struct lane {
	struct vd_transaction *transaction;
	struct vd_future *commit;
	int from, to;
};

static void send(struct vd_bench_load *load, struct lane *lane)
{
	char from[VD_BENCH_KEY_BYTES], to[VD_BENCH_KEY_BYTES];
	size_t from_size = vd_bench_key(load, lane->from, from), to_size = vd_bench_key(load, lane->to, to);
	vd_transaction_clear_range(lane->transaction, from, from_size, to, to_size);
	for (int key = lane->from; key < lane->to; key++) {
		uint64_t number;
		if (load->run->workload->row(load->settings, key, &number))
			vd_bench_set(load, lane->transaction, key, number);
	}
	lane->commit = vd_transaction_commit(lane->transaction);
}

/* Waits for the lane's commit; after an error that may be tried again, it is sent again. */
static int settle(struct vd_bench_load *load, struct lane *lane)
{
	while (lane->commit != NULL) {
		int code = vd_future_wait(lane->commit);
		vd_future_free(lane->commit);
		lane->commit = NULL;
		if (code == 0) {
			load->run->shared->filled += (uint64_t)(lane->to - lane->from);
			vd_transaction_reset(lane->transaction);
			return 0;
		}
		struct vd_future *retry = vd_transaction_on_error(lane->transaction, code);
		code = vd_future_wait(retry);
		vd_future_free(retry);
		if (code != 0)
			return code;
		send(load, lane);
	}
	return 0;
}

int vd_bench_fill(struct vd_bench_load *load)
{
	struct lane lanes[LANES] = { 0 };
	int rows = load->run->workload->rows(load->settings), code = 0;
	int piece = PIECE_BYTES / (load->settings->value_bytes + VD_BENCH_KEY_BYTES);
	piece = piece < 1 ? 1 : piece > PIECE_KEYS ? PIECE_KEYS : piece;
	for (int i = 0; i < LANES && code == 0; i++)
		code = vd_transaction_new(load->database, &lanes[i].transaction);
	for (int next = 0, turn = 0; next < rows && code == 0 && !load->run->shared->stop; turn++) {
		struct lane *lane = &lanes[turn % LANES];
		code = settle(load, lane);
		if (code != 0)
			break;
		lane->from = next;
		lane->to = next = rows - next < piece ? rows : next + piece;
		send(load, lane);
	}
	for (int i = 0; i < LANES; i++) {
		int last = settle(load, &lanes[i]);
		code = code != 0 ? code : last;
		if (lanes[i].transaction != NULL)
			vd_transaction_free(lanes[i].transaction);
	}
	if (code != 0)
		vd_bench_fail(load, "filling the keys", code);
	return code == 0 ? 0 : 2;
}
