/* SPDX-License-Identifier: Apache-2.0 */
/* expose.h: the answer of /metrics, in Prometheus' text format 0.0.4; docs/monitoring.md lists the names. */
#ifndef VD_RESOLVER_METRICS_EXPOSE_H
#define VD_RESOLVER_METRICS_EXPOSE_H

#include "common/base/buffer.h"

#define VD_EXPOSE_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct vd_desk;

void vd_expose_add(struct vd_buffer *out, const struct vd_desk *desk);

#endif
