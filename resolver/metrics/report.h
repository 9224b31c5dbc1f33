/* SPDX-License-Identifier: Apache-2.0 */
/* report.h: the answer of /status: one JSON object; docs/monitoring.md lists its fields. */
#ifndef VD_RESOLVER_METRICS_REPORT_H
#define VD_RESOLVER_METRICS_REPORT_H

#include "common/base/buffer.h"

struct vd_desk;

void vd_report_add(struct vd_buffer *out, struct vd_desk *desk);

#endif
