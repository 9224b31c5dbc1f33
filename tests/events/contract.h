/* SPDX-License-Identifier: Apache-2.0 */
/* contract.h: what the contracts of the event store share: a store of its own for each test, and short ways to say things. */
#ifndef VD_TESTS_EVENTS_CONTRACT_H
#define VD_TESTS_EVENTS_CONTRACT_H

#include "tests/unit/test.h"

#include <verdict/events.h>

/* The database of VERDICT_TEST_DSN, opened once; and a store that no other test has seen. */
struct vd_database *contract_database(void);
struct vd_events *contract_store(void);

/* An event of a type whose payload is a text. */
struct vd_event_data contract_event(const char *type, const char *payload);

/* Appends texts of type "said" to one stream; the code it ended with. */
int contract_append(struct vd_events *events, const char *stream, int64_t expected, size_t count, ...);

/* All that a cursor gives, as "stream/version:payload" in one line; frees the cursor. */
const char *contract_all(struct vd_events_cursor *cursor);
const char *contract_stream(struct vd_events *events, const char *stream);
const char *contract_feed(struct vd_events *events, const struct vd_events_filter *filter);

extern const struct CMUnitTest contract_append_tests[], contract_read_tests[], contract_feed_tests[];
extern const size_t contract_append_count, contract_read_count, contract_feed_count;

#endif
