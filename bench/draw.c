/* SPDX-License-Identifier: Apache-2.0 */
/* draw.c: see draw.h.
 *
 * The skewed ones by rejection inversion (Hörmann and Derflinger, "Rejection-inversion to generate variates from monotone
 * discrete distributions", 1996): 1/x^theta is integrated, an even number is mapped back through the inverse of that, and the
 * integer beside is taken or the draw repeated. No table, and on average fewer than 1.1 tries, whatever the count.
 */
#include "bench/draw.h"

#include <math.h>

uint64_t vd_bench_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* In [0, 1). */
static double unit(uint64_t *state)
{
	return (double)(vd_bench_random(state) >> 11) * 0x1p-53;
}

/* expm1(x) / x and log1p(x) / x, also where x is next to nothing: theta 1 is a common wish. */
static double expm1_over(double x)
{
	return fabs(x) > 1e-8 ? expm1(x) / x : 1 + x / 2;
}

static double log1p_over(double x)
{
	return fabs(x) > 1e-8 ? log1p(x) / x : 1 - x / 2;
}

/* The area below 1/x^theta from 1 to x, and back. */
static double area(const struct vd_draw *draw, double x)
{
	double log_x = log(x);
	return expm1_over((1 - draw->theta) * log_x) * log_x;
}

static double inverse_area(const struct vd_draw *draw, double a)
{
	double t = fmax(a * (1 - draw->theta), -1);
	return exp(log1p_over(t) * a);
}

static double height(const struct vd_draw *draw, double x)
{
	return exp(-draw->theta * log(x));
}

void vd_draw_init(struct vd_draw *draw, uint64_t count, double theta)
{
	*draw = (struct vd_draw){ .count = count, .theta = theta };
	if (theta <= 0)
		return;
	draw->area_first = area(draw, 1.5) - 1;
	draw->area_all = area(draw, (double)count + 0.5);
	draw->shortcut = 2 - inverse_area(draw, area(draw, 2.5) - height(draw, 2));
}

uint64_t vd_draw_rank(const struct vd_draw *draw, uint64_t *state)
{
	if (draw->theta <= 0)
		return vd_bench_random(state) % draw->count;
	for (;;) {
		double a = draw->area_all + unit(state) * (draw->area_first - draw->area_all);
		double x = inverse_area(draw, a);
		double k = fmin(fmax(floor(x + 0.5), 1), (double)draw->count);
		if (k - x <= draw->shortcut || a >= area(draw, k + 0.5) - height(draw, k))
			return (uint64_t)k - 1;
	}
}

uint64_t vd_draw_next(const struct vd_draw *draw, uint64_t *state)
{
	uint64_t rank = vd_draw_rank(draw, state);
	/* a prime above every count: each rank has a place of its own */
	return draw->theta <= 0 ? rank : rank * UINT64_C(2654435761) % draw->count;
}
