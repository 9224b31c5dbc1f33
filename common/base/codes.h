/* SPDX-License-Identifier: Apache-2.0 */
/* codes.h: every error number that a user can meet, once.
 *
 * The numbers are FoundationDB's (API version 730), so that programs written for it keep their meaning; 7001 and
 * above are ours. The list is a macro, so that the enum here and the table of names and sentences
 * (common/text/errors.c) cannot drift apart. What may be asked of a number:
 *   RETRY   vd_code_is_retryable: on_error waits, resets and the body may run again
 *   MAYBE   vd_code_is_maybe_committed: the transaction may have been applied; also retryable
 *   FINAL   neither
 */
#ifndef VD_COMMON_BASE_CODES_H
#define VD_COMMON_BASE_CODES_H

#define VD_CODES(X)                                                                                          \
	X(0, SUCCESS, success, FINAL, "success")                                                                 \
	X(1007, TRANSACTION_TOO_OLD, transaction_too_old, RETRY,                                                 \
		"transaction is too old to perform reads or be committed")                                           \
	X(1009, FUTURE_VERSION, future_version, RETRY, "request for a version that does not exist yet")          \
	X(1020, NOT_COMMITTED, not_committed, RETRY,                                                             \
		"transaction not committed due to a conflict with another one")                                      \
	X(1021, COMMIT_UNKNOWN_RESULT, commit_unknown_result, MAYBE,                                             \
		"transaction may or may not have committed")                                                         \
	X(1025, TRANSACTION_CANCELLED, transaction_cancelled, FINAL,                                             \
		"operation aborted because the transaction was cancelled")                                           \
	X(1031, TRANSACTION_TIMED_OUT, transaction_timed_out, FINAL,                                             \
		"operation aborted because the transaction timed out")                                               \
	X(1032, TOO_MANY_WATCHES, too_many_watches, FINAL, "too many watches are set")                           \
	X(1034, WATCHES_DISABLED, watches_disabled, FINAL,                                                       \
		"watches cannot be set while read-your-writes is off")                                               \
	X(1036, ACCESSED_UNREADABLE, accessed_unreadable, FINAL,                                                 \
		"read of a key whose value is known only after the commit")                                          \
	X(1037, PROCESS_BEHIND, process_behind, RETRY, "the database is behind and cannot answer yet")           \
	X(1038, DATABASE_LOCKED, database_locked, RETRY, "the database is locked")                               \
	X(1039, CLUSTER_VERSION_CHANGED, cluster_version_changed, MAYBE,                                         \
		"the database has changed its protocol version")                                                     \
	X(1042, PROXY_MEMORY_LIMIT_EXCEEDED, commit_proxy_memory_limit_exceeded, RETRY,                          \
		"the commit was refused because too much is waiting")                                                \
	X(1101, OPERATION_CANCELLED, operation_cancelled, FINAL, "asynchronous operation cancelled")             \
	X(1500, PLATFORM_ERROR, platform_error, FINAL, "the operating system reported an error")                 \
	X(1501, NO_MEMORY, large_alloc_failed, FINAL, "memory could not be allocated")                           \
	X(1510, IO_ERROR, io_error, FINAL, "input or output failed")                                             \
	X(2000, CLIENT_INVALID_OPERATION, client_invalid_operation, FINAL, "invalid call or argument")           \
	X(2002, COMMIT_READ_INCOMPLETE, commit_read_incomplete, FINAL, "commit with incomplete reads")           \
	X(2004, KEY_OUTSIDE_LEGAL_RANGE, key_outside_legal_range, FINAL, "key outside the legal range")          \
	X(2005, INVERTED_RANGE, inverted_range, FINAL, "range begins after its end")                             \
	X(2006, INVALID_OPTION_VALUE, invalid_option_value, FINAL, "option has a bad value")                     \
	X(2007, INVALID_OPTION, invalid_option, FINAL, "option is not known here")                               \
	X(2010, READ_VERSION_ALREADY_SET, read_version_already_set, FINAL,                                       \
		"the transaction already has a read version")                                                        \
	X(2011, VERSION_INVALID, version_invalid, FINAL, "version is not valid")                                 \
	X(2012, RANGE_LIMITS_INVALID, range_limits_invalid, FINAL, "limits of the range read are not valid")     \
	X(2017, USED_DURING_COMMIT, used_during_commit, FINAL,                                                   \
		"operation while a commit is in flight or after it")                                                 \
	X(2018, INVALID_MUTATION_TYPE, invalid_mutation_type, FINAL, "unknown kind of mutation")                 \
	X(2020, TRANSACTION_INVALID_VERSION, transaction_invalid_version, FINAL,                                 \
		"transaction has no valid commit version")                                                           \
	X(2021, NO_COMMIT_VERSION, no_commit_version, FINAL,                                                     \
		"transaction is read-only and has no commit version")                                                \
	X(2101, TRANSACTION_TOO_LARGE, transaction_too_large, FINAL, "transaction exceeds the size limit")       \
	X(2102, KEY_TOO_LARGE, key_too_large, FINAL, "key exceeds the length limit")                             \
	X(2103, VALUE_TOO_LARGE, value_too_large, FINAL, "value exceeds the length limit")                       \
	X(2104, CONNECTION_STRING_INVALID, connection_string_invalid, FINAL, "connection string is not valid")   \
	X(2210, EXACT_MODE_WITHOUT_LIMITS, exact_mode_without_limits, FINAL,                                     \
		"streaming mode exact needs a limit")                                                                \
	X(4100, INTERNAL_ERROR, internal_error, FINAL, "an internal error occurred")                             \
	X(7001, PRECONDITION_FAILED, precondition_failed, FINAL, "a precondition of the request does not hold")  \
	X(7002, SQL_ERROR, sql_error, FINAL, "PostgreSQL reported an error")                                     \
	X(7003, OVERLOADED, overloaded, RETRY, "too much is waiting; try again later")                           \
	X(7004, CLEAR_TOO_LARGE, clear_too_large, FINAL, "a clear would delete more rows than allowed")          \
	X(7005, UNKNOWN_CLIENT, unknown_client, FINAL, "the client is not registered")                           \
	X(7006, COUNTER_UNUSABLE, counter_unusable, FINAL, "a counter holds no number, or the last one")

#define VD_CODE_MEMBER(number, NAME, name, kind, sentence) VD_CODE_##NAME = (number),
enum vd_code { VD_CODES(VD_CODE_MEMBER) };
#undef VD_CODE_MEMBER

#endif
