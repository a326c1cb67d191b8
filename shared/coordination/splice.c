#include "coordination/record.h"

#include <jansson.h>

#include "base/bytes.h"
#include "base/utf8.h"
#include "coordination/json_text.h"

/* Find ${name} among the members of ${value}. False unless it is there once. */
static bool
find_member(struct bytes value, struct bytes name, struct json_member *found)
{
	struct json_members walk;
	struct json_member member;
	size_t n = 0;

	if (!json_text_members(&walk, value))
		return false;
	while (json_text_next(&walk, &member)) {
		if (!json_text_named(&member, name))
			continue;
		*found = member;
		n++;
	}
	return n == 1 && !walk.failed;
}

bool
record_raw(struct bytes value, const char *field, struct bytes *raw)
{
	struct json_member member;

	if (!find_member(value, bytes_str(field), &member))
		return false;
	*raw = member.value;
	return true;
}

/* Can ${fields} stand in a record? A value that is not JSON would spoil the
 * whole document, and so would a name that is given twice. */
static bool
fields_are_good(const struct record_field *fields, size_t n)
{
	struct bytes name;
	json_t *json;
	size_t i, k;

	for (i = 0; i < n; i++) {
		name = bytes_str(fields[i].name);
		json = json_loads(fields[i].json, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
		if (json == NULL || !bytes_is_utf8(name)) {
			json_decref(json);
			return false;
		}
		json_decref(json);
		for (k = 0; k < i; k++)
			if (bytes_equal(bytes_str(fields[k].name), name))
				return false;
	}
	return true;
}

static const struct record_field *
field_for(const struct json_member *member, const struct record_field *fields, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (json_text_named(member, bytes_str(fields[i].name)))
			return &fields[i];
	return NULL;
}

/* Write what is to be added behind the last member, or behind the "{" of an
 * object that has none. */
static void
add_fields(struct buf *out, struct bytes value, bool empty, const struct record_field *fields,
    size_t n)
{
	struct json_member member;
	size_t i;

	for (i = 0; i < n; i++) {
		if (find_member(value, bytes_str(fields[i].name), &member))
			continue;
		if (!empty)
			buf_char(out, ',');
		empty = false;
		record_quote(out, bytes_str(fields[i].name));
		buf_char(out, ':');
		buf_str(out, fields[i].json);
	}
}

static bool
splice(struct bytes value, const struct record_field *fields, size_t n, struct buf *out)
{
	const struct record_field *field;
	struct json_members walk;
	struct json_member member;
	size_t copied = 0, end;
	bool empty = true;

	if (!json_text_members(&walk, value))
		return false;
	end = walk.open + 1;
	while (json_text_next(&walk, &member)) {
		empty = false;
		end = walk.at;
		field = field_for(&member, fields, n);
		if (field == NULL)
			continue;
		buf_add(out, value.p + copied, (size_t)(member.value.p - value.p) - copied);
		buf_str(out, field->json);
		copied = end;
	}
	if (walk.failed)
		return false;
	buf_add(out, value.p + copied, end - copied);
	add_fields(out, value, empty, fields, n);
	buf_bytes(out, bytes_from(value, end));
	return true;
}

bool
record_splice(struct bytes value, const struct record_field *fields, size_t n,
    struct buf *out)
{
	struct buf text = { 0 };
	struct record *r;
	const char *why;
	bool done;

	/* It is somebody's work: better parsed once too often. */
	r = record_parse(value, &why);
	if (r == NULL)
		return false;
	record_free(r);
	done = fields_are_good(fields, n) && splice(value, fields, n, &text) && !text.failed;
	if (done) {
		buf_bytes(out, buf_view(&text));
		done = !out->failed;
	}
	buf_free(&text);
	return done;
}

void
record_quote(struct buf *out, struct bytes s)
{
	size_t at = 0, from = 0, n;

	buf_char(out, '"');
	while (at < s.n) {
		/* Most are such, and utf8_length() for each would be most of the work. */
		if (s.p[at] >= 0x20 && s.p[at] < 0x7f && s.p[at] != '"' && s.p[at] != '\\') {
			at++;
			continue;
		}
		/* jansson, like others, takes no NUL in a string. */
		n = s.p[at] == '\0' ? 0 : utf8_length(s, at);
		if (n > 0 && s.p[at] != '"' && s.p[at] != '\\' && (unsigned char)s.p[at] >= 0x20) {
			at += n;
			continue;
		}
		if (at > from)
			buf_add(out, s.p + from, at - from);
		if (n == 0)
			buf_str(out, "\xEF\xBF\xBD");
		else if (s.p[at] == '"' || s.p[at] == '\\') {
			buf_char(out, '\\');
			buf_char(out, s.p[at]);
		} else
			buf_printf(out, "\\u%04x", (unsigned int)(unsigned char)s.p[at]);
		from = ++at;
	}
	if (at > from)
		buf_add(out, s.p + from, at - from);
	buf_char(out, '"');
}
