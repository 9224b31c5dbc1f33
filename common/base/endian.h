/* SPDX-License-Identifier: Apache-2.0 */
/* endian.h: integers in and out of bytes, in a stated order, at any address. Pure. */
#ifndef VD_COMMON_BASE_ENDIAN_H
#define VD_COMMON_BASE_ENDIAN_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define VD_ENDIAN(bits, order)                                                                               \
	static inline uint##bits##_t vd_load_##order##bits(const void *from)                                     \
	{                                                                                                        \
		uint##bits##_t value;                                                                                \
		memcpy(&value, from, sizeof value);                                                                  \
		return order##bits##toh(value);                                                                      \
	}                                                                                                        \
	static inline void vd_store_##order##bits(void *to, uint##bits##_t value)                                \
	{                                                                                                        \
		value = hto##order##bits(value);                                                                     \
		memcpy(to, &value, sizeof value);                                                                    \
	}

/* vd_load_be16(from), vd_store_be16(to, value), and so on */
VD_ENDIAN(16, be)
VD_ENDIAN(32, be)
VD_ENDIAN(64, be)
VD_ENDIAN(16, le)
VD_ENDIAN(32, le)
VD_ENDIAN(64, le)
#undef VD_ENDIAN

#endif
