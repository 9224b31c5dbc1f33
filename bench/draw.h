/* SPDX-License-Identifier: Apache-2.0 */
/* draw.h: numbers by chance, evenly or as words in a text are: the k-th most frequent comes 1/k^theta as often as the first
 * (Zipf). The seed decides all of them. */
#ifndef VD_BENCH_DRAW_H
#define VD_BENCH_DRAW_H

#include <stdint.h>

uint64_t vd_bench_random(uint64_t *state);

/* What is needed to draw out of so many; made once for each count. */
struct vd_draw {
	uint64_t count;
	double theta;
	double area_first, area_all, shortcut;
};

/* theta 0: evenly. count above 0. */
void vd_draw_init(struct vd_draw *draw, uint64_t count, double theta);
/* In [0, count); 0 is the most frequent. */
uint64_t vd_draw_rank(const struct vd_draw *draw, uint64_t *state);
/* The same, with the frequent ones scattered over the whole. */
uint64_t vd_draw_next(const struct vd_draw *draw, uint64_t *state);

#endif
