/* SPDX-License-Identifier: Apache-2.0 */
/* moved_clock.so: a wall clock that a test moves while the program runs.
 *
 * Loaded before a program (LD_PRELOAD), it adds to the wall clock what the file $VERDICT_CLOCK says: seconds, 8 bytes, signed, in
 * the machine's order; whoever writes them there moves the clock of all that have loaded it, at once. CLOCK_MONOTONIC stays as it is.
 * Without the file nothing is added. Nothing here takes memory or a lock: PostgreSQL reads the clock in signal handlers
 * too (faketime allocates there, and ruins the heap now and then).
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const _Atomic int64_t none;
static const _Atomic int64_t *offset = &none;

__attribute__((constructor)) static void find_offset(void)
{
	const char *path = getenv("VERDICT_CLOCK");
	int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return;
	void *place = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
	close(file);
	if (place != MAP_FAILED)
		offset = place;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	int result = (int)syscall(SYS_clock_gettime, clock, now);
	if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += atomic_load_explicit(offset, memory_order_relaxed);
	return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec fine;
	(void)zone;
	if (clock_gettime(CLOCK_REALTIME, &fine) != 0)
		return -1;
	now->tv_sec = fine.tv_sec;
	now->tv_usec = fine.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *result)
{
	struct timespec now;
	if (clock_gettime(CLOCK_REALTIME, &now) != 0)
		return -1;
	if (result != NULL)
		*result = now.tv_sec;
	return now.tv_sec;
}
