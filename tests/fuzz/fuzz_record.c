#include <stdint.h>
#include <stdlib.h>

#include <jansson.h>

#include "base/bytes.h"
#include "coordination/record.h"

/* Any bytes as a record: what is accepted can be spliced, and is then the same
 * object with those fields set; nothing that is refused is spliced. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct record_field fields[] = { { "assignedTo", "\"r-1\"" },
	{ "timestamp", "17" } };

static void
check_raw(struct bytes value)
{
	struct bytes raw;

	if (record_raw(value, "timestamp", &raw) &&
	    (raw.n == 0 || raw.p < value.p || raw.p + raw.n > value.p + value.n))
		abort();
}

static void
check_spliced(struct bytes value, struct bytes spliced)
{
	json_t *before = json_loadb(value.p, value.n, JSON_REJECT_DUPLICATES, NULL);
	json_t *after = json_loadb(spliced.p, spliced.n, JSON_REJECT_DUPLICATES, NULL);

	/* Numbers beyond any type are accepted and not comparable here. */
	if (before != NULL) {
		json_object_set_new(before, "assignedTo", json_string("r-1"));
		json_object_set_new(before, "timestamp", json_integer(17));
		if (after == NULL || !json_equal(before, after))
			abort();
	}
	json_decref(before);
	json_decref(after);
}

static void
check_record(const struct record *r, struct bytes value)
{
	struct buf out = { 0 }, again = { 0 };
	struct record *spliced;
	const char *why;
	struct stamp t;
	struct bytes s;
	int64_t v;

	if (record_heartbeat_time(r, &t) && (t.ms <= 0 || t.ms >= INT64_C(1000000000000000)))
		abort();
	(void)record_integer(r, "iteration", &v);
	if (!record_splice(value, fields, 2, &out))
		abort();
	spliced = record_parse(buf_view(&out), &why);
	if (spliced == NULL || !record_text(spliced, "assignedTo", &s) ||
	    !bytes_equal(s, B("r-1")) || !record_integer(spliced, "timestamp", &v) || v != 17)
		abort();
	record_free(spliced);
	check_spliced(value, buf_view(&out));
	if (!record_splice(buf_view(&out), fields, 2, &again) ||
	    !bytes_equal(buf_view(&out), buf_view(&again)))
		abort();
	buf_free(&out);
	buf_free(&again);
}

static void
check_quote(struct bytes value)
{
	struct buf out = { 0 };
	json_t *j;

	record_quote(&out, value);
	j = json_loadb(out.p, out.n, JSON_DECODE_ANY, NULL);
	if (j == NULL)
		abort();
	if (bytes_is_utf8(value) && !bytes_equal(value,
	    (struct bytes){ json_string_value(j), json_string_length(j) }))
		abort();
	json_decref(j);
	buf_free(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes value = { (const char *)data, size };
	struct buf out = { 0 };
	const char *why = NULL;
	struct record *r = record_parse(value, &why);

	check_raw(value);
	check_quote(value);
	if (r == NULL) {
		if (why == NULL || record_splice(value, fields, 2, &out) || out.n > 0)
			abort();
		return 0;
	}
	check_record(r, value);
	record_free(r);
	return 0;
}
