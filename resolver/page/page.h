/* SPDX-License-Identifier: Apache-2.0 */
/* page.h: the files of this folder, as they are in the binary. Made at build time by embed.cmake. Constant; any thread. */
#ifndef VD_RESOLVER_PAGE_PAGE_H
#define VD_RESOLVER_PAGE_PAGE_H

#include <stddef.h>
#include <stdint.h>

struct vd_page_file {
	const char *path; /* "/page.js"; index.html is "/" */
	const char *type; /* of the content */
	const char *etag; /* of its bytes, with quotes */
	const uint8_t *data;
	size_t size;
};

/* NULL if there is none. */
const struct vd_page_file *vd_page_find(const char *path);

#endif
