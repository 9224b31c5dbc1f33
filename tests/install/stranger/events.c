/* SPDX-License-Identifier: Apache-2.0 */
/* A stranger's program on the event store: knows its public header and nothing else. Compiles as C and as C++. */
#include <verdict/events.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
	struct vd_events *events = NULL;
	char name[VD_EVENTS_STREAM_BYTES_MAX + 1];
	size_t size = 0;
	int wrong = vd_events_stream_name("order-*", 7, name, &size);
	int code = vd_events_stream_name(" order-1 ", 9, name, &size);
	int refused = vd_events_open(NULL, "No Name", &events);
	printf("%s: %s, %s, %s\n", vd_version(), code == 0 ? name : "", vd_events_error_name(wrong),
		vd_error_name(refused));
	return code == 0 && strcmp(name, "order-1") == 0 && wrong == VD_EVENTS_ERROR_STREAM_INVALID &&
				   events == NULL
			   ? 0
			   : 1;
}
