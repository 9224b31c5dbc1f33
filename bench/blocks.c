/* SPDX-License-Identifier: Apache-2.0 */
/* blocks.c: see blocks.h. */
#include "bench/blocks.h"

#include <stdlib.h>

bool vd_blocks_init(struct vd_blocks *blocks, struct vd_bench_load *load, int count, int rows)
{
	*blocks = (struct vd_blocks){ .count = count, .rows = rows, .first = load->index * count };
	blocks->blocks = calloc((size_t)count, sizeof *blocks->blocks);
	vd_draw_init(&blocks->draw, (uint64_t)count, load->settings->theta);
	return blocks->blocks != NULL;
}

struct vd_block *vd_blocks_take(struct vd_blocks *blocks, struct vd_bench_load *load, bool is_empty)
{
	int at = (int)vd_draw_next(&blocks->draw, &load->random);
	for (;; at = (at + 1) % blocks->count) {
		struct vd_block *block = &blocks->blocks[at];
		if (!block->is_busy && (block->number == 0) == is_empty) {
			block->is_busy = true;
			return block;
		}
	}
}

int vd_blocks_key(const struct vd_blocks *blocks, const struct vd_block *block)
{
	return (blocks->first + (int)(block - blocks->blocks)) * blocks->rows;
}

void vd_blocks_set(
	const struct vd_blocks *blocks, const struct vd_block *block, struct vd_bench_slot *slot, uint64_t number)
{
	int first = vd_blocks_key(blocks, block);
	for (int i = 0; i < blocks->rows; i++)
		vd_bench_set(slot->load, slot->transaction, first + i, number);
}

void vd_blocks_clear(const struct vd_blocks *blocks, const struct vd_block *block, struct vd_bench_slot *slot)
{
	char from[VD_BENCH_KEY_BYTES], to[VD_BENCH_KEY_BYTES];
	int first = vd_blocks_key(blocks, block);
	size_t from_size = vd_bench_key(slot->load, first, from);
	vd_transaction_clear_range(
		slot->transaction, from, from_size, to, vd_bench_key(slot->load, first + blocks->rows, to));
}

struct walk {
	struct vd_blocks *blocks;
	struct vd_bench_load *load;
};

static void judge(void *arg, int key, const uint8_t *value, size_t value_size)
{
	const struct walk *walk = arg;
	uint64_t number = 0;
	struct vd_block *block =
		key < 0 ? NULL : &walk->blocks->blocks[key / walk->blocks->rows - walk->blocks->first];
	++*walk->load->checks;
	if (block == NULL || !vd_bench_number(walk->load, value, value_size, &number) || number != block->number)
		++*walk->load->wrong;
	else
		block->seen++;
}

void vd_blocks_check(struct vd_blocks *blocks, struct vd_bench_load *load)
{
	struct walk walk = { blocks, load };
	int from = blocks->first * blocks->rows;
	int code = vd_bench_walk(load, from, from + blocks->count * blocks->rows, judge, &walk);
	if (code != 0)
		vd_bench_fail(load, "reading the blocks", code);
	for (int i = 0; i < blocks->count; i++)
		if (blocks->blocks[i].seen != (blocks->blocks[i].number == 0 ? 0 : blocks->rows))
			++*load->wrong;
	free(blocks->blocks);
}
