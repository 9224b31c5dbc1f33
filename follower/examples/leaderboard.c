/* SPDX-License-Identifier: Apache-2.0 */
/* leaderboard: who has the most points, and which rank a player has among very many.
 *
 *   leaderboard score PLAYER POINTS     sets the points (0 to 10^15) of a player
 *   leaderboard top N                   "<points> <player>", the best first
 *   leaderboard rank PLAYER             "<rank> of <players>"
 *   leaderboard fill N                  N players with points drawn at random
 *
 * A player's points are kept twice: "player/NAME" → points, and "board/POINTS/NAME" → "" with the points as 16 digits, so that
 * the order of the keys is that of the points. The top is a range read from the end. The rank counts everybody above: a long
 * range read, a chunk at a time, which needs no more memory for a million players than for ten. It is a snapshot read: it sees
 * one state of the store, and does not conflict with those who score meanwhile.
 */
#include "example.h"

#include <inttypes.h>

enum { DIGITS = 16, NAME_MOST = 200, FILL_AT_A_TIME = 500 };

struct score {
	const char *player;
	int64_t points;
};

static size_t board_key(char key[256], int64_t points, const char *player)
{
	return (size_t)snprintf(key, 256, "board/%0*" PRId64 "/%s", DIGITS, points, player);
}

/* −1: has none. */
static int read_points(struct vd_transaction *transaction, const char *player, int64_t *points)
{
	char key[256], text[32] = { 0 };
	struct vd_future *future;
	bool present;
	const uint8_t *value;
	size_t size;
	int code = read_key(transaction, key, (size_t)snprintf(key, sizeof key, "player/%s", player), &future,
		&present, &value, &size);
	if (code != 0)
		return code;
	memcpy(text, value, size < 31 ? size : 31);
	*points = present ? strtoll(text, NULL, 10) : -1;
	vd_future_free(future);
	return 0;
}

static int set_score(struct vd_transaction *transaction, void *arg)
{
	const struct score *score = arg;
	char key[256], text[32];
	int64_t before;
	int code = read_points(transaction, score->player, &before);
	if (code != 0)
		return code;
	if (before >= 0)
		vd_transaction_clear(transaction, key, board_key(key, before, score->player));
	vd_transaction_set(transaction, key, board_key(key, score->points, score->player), "", 0);
	size_t key_size = (size_t)snprintf(key, sizeof key, "player/%s", score->player);
	vd_transaction_set(
		transaction, key, key_size, text, (size_t)snprintf(text, sizeof text, "%" PRId64, score->points));
	return 0;
}

/* ---- fill ---- */

struct fill {
	int begin, end;
};

static int fill_some(struct vd_transaction *transaction, void *arg)
{
	const struct fill *fill = arg;
	for (int i = fill->begin; i < fill->end; i++) {
		char player[32], key[256], text[32];
		int64_t points = ((int64_t)i * 2654435761) % 1000000;
		snprintf(player, sizeof player, "filled%07d", i);
		vd_transaction_set(transaction, key, board_key(key, points, player), "", 0);
		size_t key_size = (size_t)snprintf(key, sizeof key, "player/%s", player);
		vd_transaction_set(
			transaction, key, key_size, text, (size_t)snprintf(text, sizeof text, "%" PRId64, points));
	}
	return 0;
}

static int fill_all(struct vd_database *database, int count)
{
	int code = 0;
	for (int i = 0; i < count && code == 0; i += FILL_AT_A_TIME) {
		struct fill fill = { i, i + FILL_AT_A_TIME < count ? i + FILL_AT_A_TIME : count };
		code = vd_database_run(database, fill_some, &fill, NULL);
	}
	return code;
}

/* ---- top and rank ---- */

static int walk(struct vd_transaction *transaction, const struct vd_selector *begin,
	const struct vd_range_options *options, bool print, int64_t *rows_seen)
{
	const struct vd_selector end = vd_first_greater_or_equal("board0", 6);
	struct vd_iterator *iterator;
	int code = vd_iterator_new(transaction, begin, &end, options, &iterator);
	if (code != 0)
		return code;
	*rows_seen = 0;
	for (bool more = true; code == 0 && more;) {
		const struct vd_row *rows;
		size_t count = 0;
		struct vd_future *future = vd_iterator_next(iterator);
		code = vd_future_wait(future);
		if (code == 0)
			code = vd_future_get_rows(future, &rows, &count, &more);
		*rows_seen += (int64_t)count;
		for (size_t i = 0; code == 0 && print && i < count; i++) {
			const char *key = (const char *)rows[i].key + strlen("board/");
			char points[DIGITS + 1] = { 0 };
			memcpy(points, key, DIGITS);
			printf("%" PRId64 " %.*s\n", (int64_t)strtoll(points, NULL, 10),
				(int)(rows[i].key_size - strlen("board/") - DIGITS - 1), key + DIGITS + 1);
		}
		vd_future_free(future);
	}
	vd_iterator_free(iterator);
	return code;
}

static int top(struct vd_transaction *transaction, void *arg)
{
	const struct vd_selector begin = vd_first_greater_or_equal("board/", 6);
	const struct vd_range_options options = { .limit = *(const int *)arg, .reverse = true };
	int64_t seen;
	return walk(transaction, &begin, &options, true, &seen);
}

struct rank {
	const char *player;
	int64_t points, better, players;
};

static int find_rank(struct vd_transaction *transaction, void *arg)
{
	struct rank *rank = arg;
	char key[256];
	const struct vd_range_options options = { .snapshot = true };
	int code = read_points(transaction, rank->player, &rank->points);
	if (code != 0 || rank->points < 0)
		return code;
	const struct vd_selector behind = vd_first_greater_than(key, board_key(key, rank->points, rank->player));
	const struct vd_selector all = vd_first_greater_or_equal("board/", 6);
	code = walk(transaction, &behind, &options, false, &rank->better);
	if (code == 0)
		code = walk(transaction, &all, &options, false, &rank->players);
	return code;
}

static int usage(void)
{
	fprintf(stderr, "usage: leaderboard score PLAYER POINTS | top N | rank PLAYER | fill N\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[1] : "";
	bool is_score = strcmp(verb, "score") == 0 && argc == 4, is_rank = strcmp(verb, "rank") == 0 && argc == 3;
	bool is_top = strcmp(verb, "top") == 0 && argc == 3, is_fill = strcmp(verb, "fill") == 0 && argc == 3;
	int number = argc == 3 ? atoi(argv[2]) : 0;
	struct score score = { is_score ? argv[2] : "", is_score ? strtoll(argv[3], NULL, 10) : 0 };
	if ((!is_score && !is_rank && !is_top && !is_fill) || strlen(argv[2]) > NAME_MOST || score.points < 0 ||
		score.points > 1000000000000000 || ((is_top || is_fill) && number < 1))
		return usage();
	struct vd_database *database = open_database();
	struct rank rank = { .player = argv[2] };
	int code = 0;
	if (is_score)
		code = vd_database_run(database, set_score, &score, NULL);
	else if (is_fill)
		code = fill_all(database, number);
	else
		code = vd_database_run(
			database, is_top ? top : find_rank, is_top ? (void *)&number : (void *)&rank, NULL);
	if (code != 0)
		fail(verb, code);
	if (is_rank && rank.points < 0)
		printf("%s has no points\n", rank.player);
	else if (is_rank)
		printf("%" PRId64 " of %" PRId64 "\n", rank.better + 1, rank.players);
	vd_database_close(database, NULL, NULL);
	return is_rank && rank.points < 0 ? 1 : 0;
}
