/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c: hands each file of the folders named to LLVMFuzzerTestOneInput, and all its beginnings too: where there is no
 * libFuzzer. An empty folder is a failure. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void run(const uint8_t *bytes, size_t size)
{
	/* exactly as large as it is, so that a read beyond the end is seen */
	uint8_t *copy = malloc(size == 0 ? 1 : size);
	if (copy == NULL)
		abort();
	memcpy(copy, bytes, size);
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
}

static int replay(const char *path)
{
	static uint8_t bytes[1 << 20];
	FILE *file = fopen(path, "rb");
	if (file == NULL)
		return 0;
	size_t size = fread(bytes, 1, sizeof bytes, file);
	fclose(file);
	for (size_t length = size < 4096 ? 0 : size; length <= size; length++)
		run(bytes, length);
	return 1;
}

int main(int argc, char **argv)
{
	int files = 0;
	for (int i = 1; i < argc; i++) {
		DIR *folder = opendir(argv[i]);
		const struct dirent *entry;
		while (folder != NULL && (entry = readdir(folder)) != NULL) {
			char path[4096];
			snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
			if (entry->d_name[0] != '.')
				files += replay(path);
		}
		if (folder != NULL)
			closedir(folder);
	}
	printf("%d files replayed\n", files);
	return files > 0 ? 0 : 1;
}
