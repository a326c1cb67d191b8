#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "local.h"

#include "base/file.h"
#include "coordination/signature.h"

#define COPY_NAME "record"
#define COPY_MAX ((size_t)128 << 10)

/* The lines beside the record's own fields. */
#define LINE_REPORTED "copy_reported"
#define LINE_SEEN "copy_seen"
#define LINE_SEEN_SINCE "copy_seen_since"
#define LINE_SUM "sum"

static int
path_of(const struct effects *fx, char out[PATH_MAX], struct error *e)
{
	int n = snprintf(out, PATH_MAX, "%s/" COPY_NAME, fx->settings->rotate.state_dir);

	if (n < 0 || n >= PATH_MAX)
		return error_set(e, EX_CANTCREAT, "[secret-rotate-phase] state_dir is too long");
	return 0;
}

/* Not against a forger, who could make it too: against a disk, an editor, a half restored backup. */
static int
check_sum(struct bytes text, struct buf *out)
{
	unsigned char mac[32];

	if (hmac_sha256(B("coordkeep-copy"), text, mac) == -1)
		return -1;
	buf_hex(out, mac, 8);
	return out->failed ? -1 : 0;
}

/* ---- reading ---- */

static int
damaged(const char *path, const char *what, struct error *e)
{
	return error_set(e, EX_IOERR,
	    "%s: this host's copy of the rotation's record is damaged (%.100s): put it back from a "
	    "backup of today, or remove it; without it this host acts once another one has reported",
	    path, what);
}

static bool
get_time(struct bytes s, int64_t *t)
{
	uint64_t v;

	if (!bytes_to_u64(s, &v) || v > INT64_MAX / 2)
		return false;
	*t = (int64_t)v;
	return true;
}

static bool
get_seen(struct bytes s, char fp[FINGERPRINT_SIZE])
{
	if (!bytes_equal(s, B("-")) && !fingerprint_valid(s))
		return false;
	if (s.n > 1)
		memcpy(fp, s.p, s.n);
	return true;
}

static bool
enter(struct copy *copy, struct bytes name, struct bytes value)
{
	if (bytes_equal(name, B(LINE_REPORTED)))
		return get_time(value, &copy->reported);
	if (bytes_equal(name, B(LINE_SEEN)))
		return get_seen(value, copy->seen);
	if (bytes_equal(name, B(LINE_SEEN_SINCE)))
		return get_time(value, &copy->seen_since);
	return rotation_enter(&copy->rotation, name, value);
}

/* The text without its last line, if that line is the sum of it. */
static bool
split_sum(struct bytes text, struct bytes *lines)
{
	struct buf sum = { 0 };
	bool right;
	size_t n = sizeof(LINE_SUM " 0123456789abcdef\n") - 1;

	if (text.n < n)
		return false;
	*lines = (struct bytes){ text.p, text.n - n };
	buf_str(&sum, LINE_SUM " ");
	if (check_sum(*lines, &sum) == -1) {
		buf_free(&sum);
		return false;
	}
	buf_char(&sum, '\n');
	right = bytes_equal(bytes_from(text, lines->n), buf_view(&sum));
	buf_free(&sum);
	return right;
}

static int
parse(const char *path, struct bytes text, struct copy *copy, struct error *e)
{
	struct bytes lines, line;
	size_t end, space, seen = 0;
	char what[64];

	if (!split_sum(text, &lines))
		return damaged(path, "its check sum is wrong", e);
	while (lines.n > 0) {
		end = bytes_find(lines, '\n', 0);
		line = (struct bytes){ lines.p, end };
		lines = end < lines.n ? bytes_from(lines, end + 1) : (struct bytes){ NULL, 0 };
		space = bytes_find(line, ' ', 0);
		seen++;
		if (space == line.n || !enter(copy, (struct bytes){ line.p, space },
		    bytes_from(line, space + 1))) {
			(void)snprintf(what, sizeof(what), "line %zu", seen);
			return damaged(path, what, e);
		}
	}
	if (!rotation_whole(&copy->rotation))
		return damaged(path, "its parts contradict each other", e);
	return 0;
}

int
local_copy_read(void *ctx, struct copy *copy, struct error *e)
{
	const struct effects *fx = ctx;
	struct buf text = { 0 };
	struct error cause = { 0 };
	char path[PATH_MAX];
	int r;

	memset(copy, 0, sizeof(*copy));
	if (path_of(fx, path, e) == -1)
		return -1;
	r = file_read(path, COPY_MAX, &text, &cause);
	if (r == 0)
		r = parse(path, buf_view(&text), copy, e);
	else if (cause.exit == EX_NOINPUT)
		r = 0;
	else
		r = error_set(e, EX_IOERR, "%.400s", cause.text);
	if (r == -1)
		memset(copy, 0, sizeof(*copy));
	buf_free(&text);
	return r;
}

/* ---- writing ---- */

static int
format(const struct copy *copy, struct buf *out)
{
	struct field fields[ROTATION_FIELDS];
	struct buf sum = { 0 };
	size_t i;

	if (rotation_format(&copy->rotation, fields) == -1)
		return -1;
	for (i = 0; i < ROTATION_FIELDS; i++) {
		buf_printf(out, "%s ", fields[i].name);
		buf_bytes(out, buf_view(&fields[i].value));
		buf_char(out, '\n');
	}
	rotation_fields_free(fields);
	buf_printf(out, LINE_REPORTED " %" PRId64 "\n", copy->reported);
	buf_printf(out, LINE_SEEN " %s\n", copy->seen[0] == '\0' ? "-" : copy->seen);
	buf_printf(out, LINE_SEEN_SINCE " %" PRId64 "\n", copy->seen_since);
	if (out->failed || check_sum(buf_view(out), &sum) == -1) {
		buf_free(&sum);
		return -1;
	}
	buf_str(out, LINE_SUM " ");
	buf_bytes(out, buf_view(&sum));
	buf_char(out, '\n');
	buf_free(&sum);
	return out->failed ? -1 : 0;
}

int
local_copy_write(void *ctx, const struct copy *copy, struct error *e)
{
	const struct effects *fx = ctx;
	struct buf text = { 0 };
	char path[PATH_MAX];
	int r;

	if (fx->dry)
		return 0;
	if (path_of(fx, path, e) == -1)
		return -1;
	r = format(copy, &text);
	if (r == -1)
		r = error_set(e, EX_SOFTWARE, "%s: no memory to write it", path);
	else
		r = file_replace(path, 0600, buf_view(&text), e);
	buf_free(&text);
	return r;
}
