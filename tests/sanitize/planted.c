/* SPDX-License-Identifier: Apache-2.0 */
/* planted overflow|leak|undefined|abort|race: a program with a defect, which a sanitizer of its build has to report. Its own exit status
 * tells nothing: a child has the defect. */
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int shared;

static void *count(void *arg)
{
	for (int i = 0; i < 1000; i++)
		shared = shared + 1;
	return arg;
}

static void err(const char *what)
{
	if (strcmp(what, "overflow") == 0) {
		char *bytes = calloc(1, 8);
		if (bytes == NULL || memchr(bytes, 1, (size_t)shared + 9) != NULL)
			_exit(1);
		free(bytes);
	} else if (strcmp(what, "leak") == 0) {
		char *volatile lost = malloc(8);
		lost = NULL;
		(void)lost;
	} else if (strcmp(what, "undefined") == 0) {
		volatile int most = INT_MAX;
		most = most + 1;
	} else if (strcmp(what, "abort") == 0) {
		abort();
	} else if (strcmp(what, "race") == 0) {
		pthread_t other;
		if (pthread_create(&other, NULL, count, NULL) != 0)
			abort();
		count(NULL);
		pthread_join(other, NULL);
	}
}

int main(int argc, char **argv)
{
	int status;
	pid_t child = argc == 2 ? fork() : -1;
	if (child < 0)
		return 2;
	if (child == 0) {
		err(argv[1]);
		exit(0);
	}
	return waitpid(child, &status, 0) == child ? 0 : 1;
}
