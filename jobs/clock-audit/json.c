#include <jansson.h>

#include "audit.h"

/*
 * The object "clock" of the JSON result. Microseconds and milliseconds, as the
 * names say; a bound that is not known is null.
 */

#define SKEWED_MAX 1000

static int
put(json_t *o, const char *name, json_t *value)
{
	return json_object_set_new(o, name, value);
}

/* An id or a host: as ${name}, or, when it is not UTF-8, base64 as ${name}_b64. */
static int
put_bytes(json_t *o, const char *name, const char *name_b64, struct bytes s)
{
	struct buf b = { 0 };
	int r;

	if (bytes_is_utf8(s))
		return put(o, name, json_stringn(s.p, s.n));
	buf_base64(&b, s);
	r = b.failed ? -1 : put(o, name_b64, json_stringn(b.p, b.n));
	buf_free(&b);
	return r;
}

static json_t *
bound(int64_t ms)
{
	if (ms == INT64_MIN || ms == INT64_MAX)
		return json_null();
	return json_integer(ms);
}

static json_t *
kernel_json(const struct kernel_view *k)
{
	json_t *o = json_object();
	int bad = 0;

	if (k->state == SYNC_UNKNOWN) {
		bad |= put(o, "synchronised", json_null());
	} else {
		bad |= put(o, "synchronised", json_boolean(k->state == SYNC_YES));
		bad |= put(o, "estimated_error_us", json_integer(k->estimated_error));
		bad |= put(o, "maximum_error_us", json_integer(k->maximum_error));
	}
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *
host_json(const struct audit *a, const struct fleet_report *r)
{
	json_t *o = json_object();
	int bad = put_bytes(o, "host", "host_b64", r->host);

	bad |= put(o, "offset_us", json_integer(r->offset));
	bad |= put(o, "error_us", json_integer(r->error));
	bad |= put(o, "age_ms", json_integer(a->now > r->at ? a->now - r->at : 0));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *
pair_json(const struct audit *a)
{
	json_t *o;
	int bad;

	if (!a->pair.found)
		return json_null();
	o = json_object();
	bad = put_bytes(o, "ahead", "ahead_b64", a->fleet.reports[a->pair.ahead].host);
	bad |= put_bytes(o, "behind", "behind_b64", a->fleet.reports[a->pair.behind].host);
	bad |= put(o, "difference_us", json_integer(a->pair.difference));
	bad |= put(o, "error_us", json_integer(a->pair.error));
	bad |= put(o, "certain_us", json_integer(a->pair.certain));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *
hosts_json(const struct audit *a)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < a->fleet.n; i++) {
		if (json_array_append_new(list, host_json(a, &a->fleet.reports[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *
writer_json(const struct named_writer *n)
{
	const struct writer *w = n->writer;
	json_t *o = json_object();
	int bad;

	bad = w->nameless ? put_bytes(o, "key", "key_b64", n->id) :
	    put_bytes(o, "id", "id_b64", n->id);
	if (w->skewed) {
		bad |= put(o, "low_ms", bound(w->skew.low));
		bad |= put(o, "high_ms", bound(w->skew.high));
		bad |= put(o, "by", json_string(w->where));
	}
	bad |= put(o, "skewed", json_integer(w->records));
	bad |= put(o, "seconds", json_integer(w->seconds));
	bad |= put(o, "unreadable", json_integer(w->unreadable));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *
writers_json(const struct audit *a)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < a->writers_n && i < SKEWED_MAX; i++) {
		if (json_array_append_new(list, writer_json(&a->writers[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int
put_measurement(json_t *o, const struct audit *a)
{
	const struct clock_offset *m = &a->measured.offset;
	int bad = 0;

	bad |= put(o, "offset_us", m->valid ? json_integer(m->offset) : json_null());
	bad |= put(o, "error_us", m->valid ? json_integer(m->error) : json_null());
	bad |= put(o, "round_trip_us", m->valid ? json_integer(m->round_trip) : json_null());
	bad |= put(o, "jump_us", json_integer(a->measured.local_jump));
	bad |= put(o, "server_jump_us", json_integer(a->measured.server_jump));
	return bad;
}

int
audit_json(const struct audit *a)
{
	json_t *o = json_object();
	int bad = put_measurement(o, a);

	bad |= put_bytes(o, "host", "host_b64", a->host);
	bad |= put(o, "kernel", kernel_json(&a->kernel));
	bad |= put(o, "hosts", hosts_json(a));
	bad |= put(o, "worst_pair", pair_json(a));
	bad |= put(o, "largest_skew_ms", json_integer(a->survey.largest));
	bad |= put(o, "writers", writers_json(a));
	bad |= put(o, "writers_total", json_integer((json_int_t)a->writers_n));
	if (bad) {
		json_decref(o);
		return -1;
	}
	result_object(a->result, "clock", o);
	return 0;
}
