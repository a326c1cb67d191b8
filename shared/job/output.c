#include "job/output.h"

#include <stdlib.h>

#include "base/clock.h"
#include "job/result_data.h"

/* A JSON string of text that may hold bytes which are not UTF-8. */
static json_t *
text_json(const char *text)
{
	struct bytes s = bytes_str(text);
	struct buf b = { 0 };
	json_t *v = NULL;

	if (bytes_is_utf8(s))
		return json_stringn(s.p, s.n);
	buf_escaped(&b, s, 0);
	if (!b.failed)
		v = json_stringn(b.p, b.n);
	buf_free(&b);
	return v;
}

static json_t *
note_json(const struct note *note, bool finding)
{
	json_t *o = json_object();
	const char *field;
	json_t *key;
	int bad = o == NULL;

	bad |= json_object_set_new(o, finding ? "code" : "action", text_json(note->name));
	if (finding)
		bad |= json_object_set_new(o, "severity", json_string(
		    note->severity == SEVERITY_CRITICAL ? "critical" : "warning"));
	if (note->key.n > 0) {
		key = result_json_key(buf_view(&note->key), &field);
		bad |= json_object_set_new(o, field, key);
	}
	bad |= json_object_set_new(o, "text", text_json(note->text));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *
notes_json(const struct notes *notes, bool finding)
{
	json_t *a = json_array();
	size_t i;

	for (i = 0; i < notes->n; i++)
		if (json_array_append_new(a, note_json(&notes->list[i], finding))) {
			json_decref(a);
			return NULL;
		}
	return a;
}

static json_t *
counts_json(const struct result *r)
{
	json_t *o = json_object();
	size_t i;

	for (i = 0; i < r->counts.n; i++)
		if (json_object_set_new(o, r->counts.list[i].name,
		    json_integer(r->counts.list[i].n))) {
			json_decref(o);
			return NULL;
		}
	return o;
}

static json_t *
document(const struct output_run *run, const struct result *r)
{
	json_t *o = json_object();
	char started[40];
	int bad = o == NULL;

	clock_rfc3339(run->started_ms, 1, started, sizeof(started));
	bad |= json_object_set_new(o, "schema", json_integer(1));
	bad |= json_object_set_new(o, "job", json_string(run->job));
	bad |= json_object_set_new(o, "version", json_string(COORDKEEP_VERSION));
	bad |= json_object_set_new(o, "run", json_string(run->run));
	bad |= json_object_set_new(o, "host", text_json(run->host));
	bad |= json_object_set_new(o, "started", json_string(started));
	bad |= json_object_set_new(o, "duration_ms", json_integer(run->duration_ms));
	bad |= json_object_set_new(o, "dry_run", json_boolean(run->dry));
	bad |= json_object_set_new(o, "complete", json_boolean(run->complete));
	bad |= json_object_set_new(o, "exit", json_integer(run->code));
	if (run->error[0] != '\0')
		bad |= json_object_set_new(o, "error", text_json(run->error));
	bad |= json_object_set_new(o, "counts", counts_json(r));
	bad |= json_object_set_new(o, "findings", notes_json(&r->findings, true));
	bad |= json_object_set_new(o, "findings_total", json_integer(r->findings.total));
	bad |= json_object_set_new(o, "actions", notes_json(&r->actions, false));
	bad |= json_object_set_new(o, "actions_total", json_integer(r->actions.total));
	bad |= json_object_update(o, r->objects);
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

int
output_json(const struct output_run *run, const struct result *r, struct buf *out)
{
	json_t *o = document(run, r);
	char *text;

	text = o == NULL ? NULL : json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(15));
	json_decref(o);
	if (text == NULL)
		return -1;
	buf_str(out, text);
	buf_char(out, '\n');
	free(text);
	return out->failed ? -1 : 0;
}

void
output_text(const struct output_run *run, const struct result *r, struct buf *out)
{

	buf_bytes(out, buf_view(&r->said));
	if (r->findings.total > 0)
		buf_printf(out, "%lld finding%s, %lld critical: see the log\n",
		    (long long)r->findings.total, r->findings.total == 1 ? "" : "s",
		    (long long)r->critical);
	if (r->failed > 0)
		buf_printf(out, "%lld failed: see the log\n", (long long)r->failed);
	if (r->unknown > 0)
		buf_printf(out, "%lld of unknown outcome: see the log\n", (long long)r->unknown);
	if (run->dry && run->error[0] == '\0')
		buf_str(out, "Dry run: nothing was changed\n");
}

int
output_write(FILE *out, struct bytes text)
{

	if (fwrite(text.n == 0 ? "" : text.p, 1, text.n, out) != text.n)
		return -1;
	return fflush(out) == 0 ? 0 : -1;
}
