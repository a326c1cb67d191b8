#include "job/result.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "job/result_data.h"

struct result *
result_new(void)
{
	struct result *r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	if ((r->objects = json_object()) == NULL) {
		free(r);
		return NULL;
	}
	return r;
}

static void
notes_free(struct notes *notes)
{
	size_t i;

	for (i = 0; i < notes->n; i++) {
		buf_free(&notes->list[i].key);
		free(notes->list[i].text);
	}
	free(notes->list);
}

void
result_free(struct result *r)
{
	size_t i;

	if (r == NULL)
		return;
	free(r->counts.list);
	free(r->codes.list);
	notes_free(&r->findings);
	notes_free(&r->actions);
	buf_free(&r->said);
	for (i = 0; i < r->metrics_n; i++)
		buf_free(&r->metrics[i].label_value);
	free(r->metrics);
	json_decref(r->objects);
	free(r);
}

/* Room for one more element in an array of ${n}: NULL without memory, and then
 * the array is as it was. Grows at powers of two. */
static void *
more(void *array, size_t n, size_t size)
{

	if (n > 0 && (n < 8 || (n & (n - 1)) != 0))
		return array;
	return reallocarray(array, n < 8 ? 8 : n * 2, size);
}

static void
counts_add(struct result *r, struct counts *counts, const char *name, int64_t n)
{
	struct count *list;
	size_t i;

	for (i = 0; i < counts->n; i++)
		if (strcmp(counts->list[i].name, name) == 0) {
			counts->list[i].n += n;
			return;
		}
	if ((list = more(counts->list, counts->n, sizeof(*list))) == NULL) {
		r->no_memory = true;
		return;
	}
	counts->list = list;
	list[counts->n++] = (struct count){ name, n };
}

static const struct count *
counts_find(const struct counts *counts, const char *name)
{
	size_t i;

	for (i = 0; i < counts->n; i++)
		if (strcmp(counts->list[i].name, name) == 0)
			return &counts->list[i];
	return NULL;
}

void
result_count(struct result *r, const char *name, int64_t n)
{

	counts_add(r, &r->counts, name, n);
}

int64_t
result_get(const struct result *r, const char *name)
{
	const struct count *c = counts_find(&r->counts, name);

	return c == NULL ? 0 : c->n;
}

/* Keep a note with its own copy of ${text}. */
static void
notes_add(struct result *r, struct notes *notes, const char *name, enum severity severity,
    struct bytes key, const char *text)
{
	struct note *list, note = { .name = name, .severity = severity };

	notes->total++;
	if (notes->n >= RESULT_KEEP)
		return;
	list = more(notes->list, notes->n, sizeof(*list));
	if (list != NULL)
		notes->list = list;
	buf_bytes(&note.key, key);
	note.text = strdup(text);
	if (list == NULL || note.key.failed || note.text == NULL) {
		buf_free(&note.key);
		free(note.text);
		r->no_memory = true;
		return;
	}
	notes->list[notes->n++] = note;
}

/* The formatted text, to be freed; NULL sets no_memory. */
static char *
format(struct result *r, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));
static char *
format(struct result *r, const char *fmt, va_list args)
{
	char *text;

	if (vasprintf(&text, fmt, args) >= 0)
		return text;
	r->no_memory = true;
	return NULL;
}

void
result_finding(struct result *r, const char *code, enum severity severity, struct bytes key,
    const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = format(r, fmt, args);
	va_end(args);

	counts_add(r, &r->codes, code, 1);
	r->critical += severity == SEVERITY_CRITICAL;
	notes_add(r, &r->findings, code, severity, key, text == NULL ? code : text);
	log_event(severity == SEVERITY_CRITICAL ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN, code,
	    key.n > 0 ? &key : NULL, "%s", text == NULL ? code : text);
	free(text);
}

bool
result_has_finding(const struct result *r, const char *code)
{

	return counts_find(&r->codes, code) != NULL;
}

int64_t
result_findings(const struct result *r)
{

	return r->findings.total;
}

bool
result_reads_action(const struct result *r)
{

	return (!r->forgets && r->actions.n < RESULT_KEEP) || log_wants(LOG_LEVEL_INFO);
}

void
result_forget_actions(struct result *r)
{

	r->forgets = true;
}

void
result_action(struct result *r, const char *action, struct bytes key, const char *fmt, ...)
{
	va_list args;
	char *text;

	/* There can be millions of them, and mostly nobody reads what each was. */
	if (!result_reads_action(r)) {
		r->actions.total++;
		return;
	}
	va_start(args, fmt);
	text = format(r, fmt, args);
	va_end(args);

	if (r->forgets)
		r->actions.total++;
	else
		notes_add(r, &r->actions, action, SEVERITY_WARNING, key, text == NULL ? action : text);
	log_event(LOG_LEVEL_INFO, action, key.n > 0 ? &key : NULL, "%s%s",
	    r->dry ? "(dry run) " : "", text == NULL ? action : text);
	free(text);
}

/* Count and log what went wrong with a key. */
static void
note_trouble(struct result *r, const char *count, const char *event, struct bytes key,
    const char *fmt, va_list args)
{
	char *text = format(r, fmt, args);

	result_count(r, count, 1);
	log_event(LOG_LEVEL_ERROR, event, key.n > 0 ? &key : NULL, "%s",
	    text == NULL ? event : text);
	free(text);
}

void
result_failed(struct result *r, const char *event, struct bytes key, const char *fmt, ...)
{
	va_list args;

	r->failed++;
	va_start(args, fmt);
	note_trouble(r, "failed", event, key, fmt, args);
	va_end(args);
}

void
result_unknown(struct result *r, const char *event, struct bytes key, const char *fmt, ...)
{
	va_list args;

	r->unknown++;
	va_start(args, fmt);
	note_trouble(r, "unknown", event, key, fmt, args);
	va_end(args);
}

/* A line for a terminal: nothing in it moves the cursor or begins another line.
 * A backslash stays one, since a job may have escaped an id already. */
static void
add_line(struct buf *out, struct bytes s)
{
	size_t at = 0, end;

	for (;;) {
		end = bytes_find(s, '\\', at);
		buf_escaped(out, (struct bytes){ s.p + at, end - at }, 0);
		if (end == s.n)
			break;
		buf_char(out, '\\');
		at = end + 1;
	}
	buf_char(out, '\n');
}

void
result_say(struct result *r, const char *fmt, ...)
{
	va_list args;
	char *text;

	va_start(args, fmt);
	text = format(r, fmt, args);
	va_end(args);

	if (text == NULL)
		return;
	add_line(&r->said, bytes_str(text));
	r->no_memory |= r->said.failed;
	free(text);
}

/* The metric of that name and label value, made if it is not there. */
static struct metric *
metric_for(struct result *r, const char *name, const char *help, const char *label,
    struct bytes value)
{
	struct metric *list, *m;
	size_t i;

	for (i = 0; i < r->metrics_n; i++) {
		m = &r->metrics[i];
		if (strcmp(m->name, name) == 0 && bytes_equal(buf_view(&m->label_value), value))
			return m;
	}
	if ((list = more(r->metrics, r->metrics_n, sizeof(*list))) == NULL)
		return NULL;
	r->metrics = list;
	m = &list[r->metrics_n];
	*m = (struct metric){ .name = name, .help = help, .label = label };
	buf_bytes(&m->label_value, value);
	if (m->label_value.failed) {
		buf_free(&m->label_value);
		return NULL;
	}
	r->metrics_n++;
	return m;
}

void
result_gauge_labelled(struct result *r, const char *name, const char *help, const char *label,
    struct bytes label_value, double value)
{
	struct metric *m;

	if ((m = metric_for(r, name, help, label, label_value)) == NULL)
		r->no_memory = true;
	else
		m->value = value;
}

void
result_gauge(struct result *r, const char *name, const char *help, double value)
{

	result_gauge_labelled(r, name, help, NULL, B(""), value);
}

void
result_counter(struct result *r, const char *name, const char *help, double add)
{
	struct metric *m;

	if ((m = metric_for(r, name, help, NULL, B(""))) == NULL) {
		r->no_memory = true;
		return;
	}
	m->counter = true;
	m->value += add;
}

void
result_object(struct result *r, const char *name, json_t *value)
{

	if (value == NULL || json_object_set_new(r->objects, name, value))
		r->no_memory = true;
}

json_t *
result_json_key(struct bytes s, const char **field)
{
	struct buf b = { 0 };
	json_t *v = NULL;

	if (bytes_is_utf8(s)) {
		if (field != NULL)
			*field = "key";
		return json_stringn(s.n == 0 ? "" : s.p, s.n);
	}
	if (field != NULL)
		*field = "key_b64";
	buf_base64(&b, s);
	if (!b.failed)
		v = json_stringn(b.p, b.n);
	buf_free(&b);
	return v;
}

void
result_incomplete(struct result *r)
{

	r->incomplete = true;
}
