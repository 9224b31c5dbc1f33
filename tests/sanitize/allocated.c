/* SPDX-License-Identifier: Apache-2.0 */
/* allocated: a library that is loaded ahead of a program that is measured from without. The bytes that the program has allocated and
 * not freed stand in a file of 8 bytes, which VERDICT_ALLOCATED names (LD_PRELOAD says the rest). For a build without sanitizers,
 * which allocate by themselves. */
#include <fcntl.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* glibc's own, by the names that it keeps for who stands in front of it. */
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *old);

static _Atomic int64_t before_main;
static _Atomic int64_t *bytes = &before_main;

static void *count(void *made)
{
	atomic_fetch_add(bytes, (int64_t)malloc_usable_size(made));
	return made;
}

static void uncount(void *old)
{
	atomic_fetch_sub(bytes, (int64_t)malloc_usable_size(old));
}

void *malloc(size_t size)
{
	return count(__libc_malloc(size));
}

void *calloc(size_t number, size_t size)
{
	return count(__libc_calloc(number, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return count(__libc_memalign(alignment, size));
}

void free(void *old)
{
	uncount(old);
	__libc_free(old);
}

void *realloc(void *old, size_t size)
{
	int64_t had = (int64_t)malloc_usable_size(old);
	void *made = __libc_realloc(old, size);
	if (made != NULL || size == 0)
		atomic_fetch_add(bytes, (int64_t)malloc_usable_size(made) - had);
	return made;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("VERDICT_ALLOCATED");
	int fd = path == NULL ? -1 : open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof *bytes) != 0)
		return;
	void *file = mmap(NULL, sizeof *bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (file == MAP_FAILED)
		return;
	bytes = file;
	atomic_fetch_add(bytes, atomic_load(&before_main));
}
