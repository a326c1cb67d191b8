#include "coordination/record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/bytes.h"
#include "coordination/json_text.h"

/* Below it a time is in seconds: 10^11 s is the year 5138, 10^11 ms is 1973. */
#define SECONDS_BELOW 1e11
#define TIME_BELOW 1e15

struct record {
	json_t *object;
};

/* A document whose one fault is a number beyond 64 bits (or beyond a double)
 * is good JSON. It is read with null in that number's place, so that
 * everything else in it can be used. */
static json_t *
load_tolerant(struct bytes value, json_error_t *error)
{
	struct buf copy = { 0 };
	json_t *object = NULL;

	if (json_text_tame(value, &copy))
		object = json_loadb(copy.p, copy.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
		    error);
	buf_free(&copy);
	return object;
}

static const char *
reason(const json_error_t *error)
{
	switch (json_error_code(error)) {
	case json_error_out_of_memory:
		return "did not fit in memory";
	case json_error_stack_overflow:
		return "is nested too deeply";
	case json_error_invalid_utf8:
		return "is not UTF-8";
	case json_error_duplicate_key:
		return "has a field twice";
	case json_error_null_character:
	case json_error_null_byte_in_key:
		return "has a NUL in a string";
	default:
		return "is not JSON";
	}
}

struct record *
record_parse(struct bytes value, const char **why)
{
	struct record *r = NULL;
	json_error_t error;
	json_t *object;

	*why = NULL;
	if (value.n == 0) {
		*why = "is empty";
		return NULL;
	}
	object = json_loadb(value.p, value.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
	if (object == NULL && json_error_code(&error) == json_error_numeric_overflow)
		object = load_tolerant(value, &error);
	if (object == NULL) {
		*why = reason(&error);
		return NULL;
	}
	if (!json_is_object(object)) {
		*why = "is not a JSON object";
		json_decref(object);
		return NULL;
	}
	r = calloc(1, sizeof(*r));
	if (r == NULL) {
		*why = "did not fit in memory";
		json_decref(object);
		return NULL;
	}
	r->object = object;
	return r;
}

void
record_free(struct record *r)
{
	if (r == NULL)
		return;
	json_decref(r->object);
	free(r);
}

static bool
text_of(const json_t *v, struct bytes *s)
{
	if (!json_is_string(v))
		return false;
	s->p = json_string_value(v);
	s->n = json_string_length(v);
	return true;
}

bool
record_text(const struct record *r, const char *field, struct bytes *s)
{
	return text_of(json_object_get(r->object, field), s);
}

bool
record_integer(const struct record *r, const char *field, int64_t *v)
{
	const json_t *value = json_object_get(r->object, field);
	struct bytes digits;
	uint64_t u;

	if (json_is_integer(value)) {
		*v = json_integer_value(value);
		return true;
	}
	if (!text_of(value, &digits) || !bytes_to_u64(digits, &u) || u > INT64_MAX)
		return false;
	*v = (int64_t)u;
	return true;
}

static bool
number_of(const json_t *value, double *v)
{
	struct bytes text;
	bool real;

	if (json_is_number(value)) {
		/* Exact: whatever counts is below 10^15. */
		*v = json_number_value(value);
		return true;
	}
	return text_of(value, &text) && json_text_number(text, &real) && json_text_value(text, v);
}

bool
record_time(const struct record *r, const char *field, struct stamp *t)
{
	double v;

	if (!number_of(json_object_get(r->object, field), &v))
		return false;
	if (!(v > 0 && v < TIME_BELOW))
		return false;
	t->seconds = v < SECONDS_BELOW;
	/* 1700000000.123 s has no exact double: rounded, it is 123 ms again. */
	t->ms = t->seconds ? (int64_t)(v * 1000 + 0.5) : (int64_t)v;
	return t->ms > 0;
}

/* The newest of them: a writer may go on writing one and let the other be. */
static bool
newest_time(const struct record *r, const char *const *fields, struct stamp *t)
{
	struct stamp one;
	bool found = false;

	for (; *fields != NULL; fields++)
		if (record_time(r, *fields, &one) && (!found || one.ms > t->ms)) {
			*t = one;
			found = true;
		}
	return found;
}

bool
record_heartbeat_time(const struct record *r, struct stamp *t)
{
	static const char *const fields[] = { "timestamp", "lastHeartbeat", "ts", NULL };

	return newest_time(r, fields, t);
}

bool
record_signal_time(const struct record *r, struct stamp *t)
{
	static const char *const fields[] = { "timestamp", "ts", NULL };

	return newest_time(r, fields, t);
}

bool
record_activity_time(const struct record *r, struct stamp *t)
{
	static const char *const fields[] = { "lastActivity", "timestamp", "ts", NULL };

	return newest_time(r, fields, t);
}
