#include "base/log_line.h"

#include <string.h>
#include <time.h>

#include "base/clock.h"

static const struct {
	const char *name;
	const char *colour;
	int journal; /* syslog(3) priority */
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", "\033[31m", 3 },
	[LOG_LEVEL_WARN] = { "warn", "\033[33m", 4 },
	[LOG_LEVEL_INFO] = { "info", "", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", "\033[2m", 7 },
};

/* Append ${s} in double quotes, escaped as in logfmt. */
static void
quoted(struct buf *out, struct bytes s)
{
	size_t at = 0, end;

	buf_char(out, '"');
	while (at < s.n) {
		end = bytes_find(s, '"', at);
		buf_escaped(out, (struct bytes){ s.p + at, end - at }, 0);
		if (end < s.n)
			buf_str(out, "\\\"");
		at = end + 1;
	}
	buf_char(out, '"');
}

/* Append one JSON string; ${s} is UTF-8 without NUL. */
static void
json_string(struct buf *out, struct bytes s)
{
	size_t i;
	unsigned char c;

	buf_char(out, '"');
	for (i = 0; i < s.n; i++) {
		c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\') {
			buf_char(out, '\\');
			buf_char(out, s.p[i]);
		} else if (c < 0x20 || c == 0x7f) {
			buf_printf(out, "\\u%04x", c);
		} else if (c == 0xc2 && (unsigned char)s.p[i + 1] < 0xa0) {
			/* U+0080 to U+009F, control characters to a terminal. */
			buf_printf(out, "\\u%04x", (unsigned char)s.p[++i]);
		} else {
			buf_char(out, s.p[i]);
		}
	}
	buf_char(out, '"');
}

static void
json_field(struct buf *out, const char *name, struct bytes value)
{
	struct buf safe = { 0 };

	buf_printf(out, ",\"%s\":", name);
	if (!bytes_is_utf8(value)) {
		buf_escaped(&safe, value, 0);
		if (safe.failed)
			out->failed = true;
		value = buf_view(&safe);
	}
	json_string(out, value);
	buf_free(&safe);
}

static void
form_json(struct buf *out, const struct log_line *line)
{
	char time[32];

	clock_rfc3339(line->wall_ms, 1, time, sizeof(time));
	buf_printf(out, "{\"time\":\"%s\"", time);
	json_field(out, "level", bytes_str(levels[line->level].name));
	json_field(out, "job", bytes_str(line->job));
	json_field(out, "run", bytes_str(line->run));
	json_field(out, "event", bytes_str(line->event));
	json_field(out, "msg", line->text);
	if (line->key != NULL && bytes_is_utf8(*line->key)) {
		json_field(out, "key", *line->key);
	} else if (line->key != NULL) {
		buf_str(out, ",\"key_b64\":\"");
		buf_base64(out, *line->key);
		buf_char(out, '"');
	}
	buf_str(out, "}\n");
}

static void
form_logfmt(struct buf *out, const struct log_line *line)
{
	char time[32];

	clock_rfc3339(line->wall_ms, 1, time, sizeof(time));
	buf_printf(out, "time=%s level=%s job=%s run=%s event=%s msg=", time,
	    levels[line->level].name, line->job, line->run, line->event);
	quoted(out, line->text);
	if (line->key != NULL) {
		buf_str(out, " key=");
		quoted(out, *line->key);
	}
	buf_char(out, '\n');
}

/* A key that the text names already is not named again to a person. */
static bool
wants_key(const struct log_line *line)
{
	const struct bytes text = line->text;
	size_t at = 0;
	const char *p;

	if (line->key == NULL)
		return false;
	/* As a word: "coord-10" does not name "coord-1". */
	while (line->key->n > 0 && at < text.n &&
	    (p = memmem(text.p + at, text.n - at, line->key->p, line->key->n)) != NULL) {
		const size_t start = (size_t)(p - text.p), end = start + line->key->n;

		if ((start == 0 || text.p[start - 1] == ' ') &&
		    (end == text.n || text.p[end] == ' ' || text.p[end] == ',' ||
		        (text.p[end] == ':' && (end + 1 == text.n || text.p[end + 1] == ' '))))
			return false;
		at = start + 1;
	}
	return true;
}

/* The journal knows the time, the unit and the priority. */
static void
form_journal(struct buf *out, const struct log_line *line)
{
	buf_printf(out, "<%d>", levels[line->level].journal);
	buf_escaped(out, line->text, 0);
	if (line->key != NULL) {
		buf_str(out, " key=");
		quoted(out, *line->key);
	}
	buf_printf(out, " event=%s run=%s\n", line->event, line->run);
}

static void
form_human(struct buf *out, const struct log_line *line, bool colour)
{
	time_t t = (time_t)(line->wall_ms / 1000);
	struct tm tm;
	bool dressed = colour && levels[line->level].colour[0] != '\0';

	/* A person at a terminal thinks in local time. */
	if (localtime_r(&t, &tm) == NULL)
		memset(&tm, 0, sizeof(tm));
	buf_printf(out, "%02d:%02d:%02d %s%s%s ", tm.tm_hour, tm.tm_min, tm.tm_sec,
	    dressed ? levels[line->level].colour : "", levels[line->level].name,
	    dressed ? "\033[0m" : "");
	buf_escaped(out, line->text, 0);
	if (wants_key(line)) {
		buf_str(out, " [");
		buf_escaped(out, *line->key, 0);
		buf_char(out, ']');
	}
	buf_char(out, '\n');
}

void
log_line_append(struct buf *out, const struct log_line *line, enum log_line_form form,
    bool colour)
{
	switch (form) {
	case LOG_LINE_HUMAN:
		form_human(out, line, colour);
		break;
	case LOG_LINE_JOURNAL:
		form_journal(out, line);
		break;
	case LOG_LINE_LOGFMT:
		form_logfmt(out, line);
		break;
	case LOG_LINE_JSON:
		form_json(out, line);
		break;
	}
}
