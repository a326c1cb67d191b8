#ifndef COORDINATION_RECORD_H_
#define COORDINATION_RECORD_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* Values that coordinators write: JSON objects of untrusted origin, read by
 * jansson (JSON_REJECT_DUPLICATES, depth bounded by it (2048), NUL in strings
 * and unpaired surrogates refused), never by text search; only top-level fields count.
 *
 * Numbers of any size are good JSON. One that neither 64 bits (an integer) nor a
 * double (a real) can hold is read as null, wherever it stands: the document is accepted, that
 * field has no value here, and its bytes are kept by record_splice and given by record_raw. */
struct record;

/* Parse; NULL with *why (a constant sentence: "is not JSON", "is not a JSON
 * object", "is empty", ...) if it cannot be. Frees with record_free(NULL ok). */
struct record *record_parse(struct bytes value, const char **why);
void record_free(struct record *r);

/* A top-level string field as bytes (valid until record_free); false if it is not there or not
 * a string. */
bool record_text(const struct record *r, const char *field, struct bytes *s);
/* An integer field, exact to 64 bits (a string of digits counts too). */
bool record_integer(const struct record *r, const char *field, int64_t *v);

/* What a stamped time looked like. */
struct stamp {
	int64_t ms;      /* since the epoch */
	bool seconds;    /* was written in seconds (below 10^11) */
};
/* The time in ${field}: integers, reals (1.7e12), numeric strings. False if there is
 * none that is finite, positive and below 10^15. */
bool record_time(const struct record *r, const char *field, struct stamp *t);
/* The newest of timestamp, lastHeartbeat, ts that can be read. */
bool record_heartbeat_time(const struct record *r, struct stamp *t);
/* The newest of timestamp, ts (signals, acks). */
bool record_signal_time(const struct record *r, struct stamp *t);
/* The newest of lastActivity, timestamp, ts. */
bool record_activity_time(const struct record *r, struct stamp *t);

/* A field's own text in ${value} as it stands there (a number's digits, a
 * string with its quotes): a view into ${value}. False if it is not a top-level field exactly once.
 * ${value} must have been accepted by record_parse; of anything else the answer may be a guess,
 * but never more than a view into it. */
bool record_raw(struct bytes value, const char *field, struct bytes *raw);

struct record_field {
	const char *name;
	const char *json; /* the new value, as JSON text */
};
/**
 * record_splice(value, fields, n, out):
 * Append ${value} with the top-level ${fields} set: the value of a field that is there is
 * replaced in place, others are added at the end; every other byte stays as it
 * was. False (nothing appended) if it cannot be done: ${value} is not what
 * record_parse accepts, a new value is not JSON, a name is given twice, no memory.
 */
bool record_splice(struct bytes value, const struct record_field *fields, size_t n,
    struct buf *out);
/* Append ${s} as a JSON string, quoted and escaped; bytes that are no UTF-8 become U+FFFD, and so
 * does NUL, which no record may hold. */
void record_quote(struct buf *out, struct bytes s);

#endif
