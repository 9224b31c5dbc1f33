/* SPDX-License-Identifier: Apache-2.0 */
/* address.h: where the resolver answers HTTP, as a setting says it: PORT, ADDRESS:PORT or [ADDRESS]:PORT.
 *
 * A port alone is of loopback. Addresses are numeric: nothing is looked up. Pure; any thread. */
#ifndef VD_RESOLVER_METRICS_ADDRESS_H
#define VD_RESOLVER_METRICS_ADDRESS_H

#include "common/base/error.h"

#include <sys/socket.h>

struct vd_address {
	struct sockaddr_storage socket;
	socklen_t size;
};

/* Port 0 is one that the system chooses. 0, or the code of the error that says what is wrong. */
VD_MUST_USE int vd_address_parse(const char *text, struct vd_address *address, struct vd_error *error);

/* "127.0.0.1:9464" */
struct vd_address_text {
	char text[64];
};
struct vd_address_text vd_address_text_of(const struct sockaddr_storage *socket);

#endif
