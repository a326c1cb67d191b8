#include "steps.h"

#include <inttypes.h>

#include "base/log.h"
#include "call.h"
#include "coordination/record.h"
#include "fields.h"
#include "store.h"
#include "transfer.h"

int
steps_clear_warning(struct coordinator *c, bool *gone, struct error *e)
{
	struct escalate *x = c->job;
	struct buf key = { 0 }, value = { 0 };
	enum store_end end = STORE_SET;
	int rc;

	if (gone != NULL)
		*gone = true;
	if (!c->fields[FIELD_WARNING].there && c->warnings == 0)
		return 0;
	fields_key(c, FIELD_WARNING, &key);
	buf_bytes(&value, buf_view(&c->fields[FIELD_WARNING].value));
	/* Counted by this run: it is no longer what was read. */
	if (c->struck) {
		buf_reset(&value);
		buf_printf(&value, "%" PRId64, c->warnings);
	}
	if (key.failed || value.failed)
		rc = error_set(e, EX_SOFTWARE, "out of memory");
	else if (run_dry(x->run) || value.n == 0)
		rc = 0;
	else if ((rc = store_set(x, buf_view(&key), buf_view(&value), B(""), 1, &end, e)) == 0 &&
	    end == STORE_FAILED)
		rc = call_failed(c, e);
	if (gone != NULL)
		*gone = end == STORE_SET;
	buf_free(&key);
	buf_free(&value);
	return rc;
}

int
steps_outlive(struct coordinator *c, struct error *e)
{
	struct escalate *x = c->job;
	struct buf key = { 0 };
	enum store_end end;
	int rc;

	if (c->ledger.stage != LEDGER_COMPLETE || c->ledger.ours || run_dry(x->run))
		return 0;
	fields_key(c, FIELD_RECORD, &key);
	if (key.failed)
		rc = error_set(e, EX_SOFTWARE, "out of memory");
	else if ((rc = store_set(x, buf_view(&key), buf_view(&c->ledger.value), B(""), 1, &end, e)) ==
	        0 && end == STORE_FAILED)
		rc = call_failed(c, e);
	else if (rc == 0 && end == STORE_SET)
		ledger_free(&c->ledger);
	buf_free(&key);
	return rc;
}

bool
steps_idle(const struct coordinator *c)
{

	return c->escalated_now && c->reopen && c->moved == 0;
}

static void
document(const struct coordinator *c, const struct call *k, struct buf *out)
{
	const struct { const char *name; struct bytes value; } ids[] = {
		{ "deadCoordinatorId", c->id },
		{ "newCoordinatorId", buf_view(&c->ledger.new_id) },
		{ "swarmId", k->swarms[0] },
		{ "reason", buf_view(&k->reason) },
	};
	size_t i;

	buf_str(out, "{\"job\":\"escalate-dead\",\"event\":\"escalation\"");
	for (i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		buf_printf(out, ",\"%s\":", ids[i].name);
		record_quote(out, ids[i].value);
		if (bytes_is_utf8(ids[i].value))
			continue;
		buf_printf(out, ",\"%s_b64\":\"", ids[i].name);
		buf_base64(out, ids[i].value);
		buf_char(out, '"');
	}
	buf_printf(out, ",\"timestamp\":%" PRId64 ",\"workMoved\":%" PRId64 ",\"workLeft\":%" PRId64
	    ",\"lastSignOfLife\":%" PRId64 ",\"silence_ms\":%" PRId64 ",\"warnings\":%" PRId64
	    ",\"run\":\"%s\"}\n", run_now(c->job->run), c->moved, c->left, c->entry->last_life,
	    c->judgement.silence, c->warnings, run_id(c->job->run));
}

static void
call_hook(struct coordinator *c, const struct call *k)
{
	struct escalate *x = c->job;
	struct buf text = { 0 };

	if (x->settings->hooks.on_escalation[0] == '\0' || run_dry(x->run) || steps_idle(c))
		return;
	document(c, k, &text);
	if (!text.failed)
		run_hook(x->run, "on_escalation", x->settings->hooks.on_escalation, buf_view(&text));
	buf_free(&text);
}

/* What came late is in the replacement's request, too, while nobody has taken that. */
static int
recount(struct coordinator *c, int64_t moved, struct error *e)
{
	struct escalate *x = c->job;
	const struct coordinator *to = escalate_find(x, buf_view(&c->ledger.new_id));
	struct buf key = { 0 }, text = { 0 };
	enum store_end end = STORE_SET;
	int rc = 0;

	/* One that this run has made is not there yet, and right. */
	if (to == NULL || !to->fields[FIELD_SPAWN].there ||
	    !ledger_recount(buf_view(&to->fields[FIELD_SPAWN].value), moved, &text))
		return 0;
	fields_key(to, FIELD_SPAWN, &key);
	if (key.failed || text.failed)
		rc = error_set(e, EX_SOFTWARE, "out of memory");
	else
		rc = store_set(x, buf_view(&key), buf_view(&to->fields[FIELD_SPAWN].value),
		    buf_view(&text), x->settings->escalate_dead.escalation_ttl, &end, e);
	if (rc == 0 && end == STORE_FAILED)
		rc = call_failed(c, e);
	buf_free(&key);
	buf_free(&text);
	return rc;
}

static int
complete(struct coordinator *c, const struct call *k, struct error *e)
{
	struct escalate *x = c->job;
	struct buf names = { 0 }, text = { 0 };
	enum store_end end = STORE_SET;
	int64_t moved;
	bool stop;
	int rc;

	if (run_dry(x->run))
		return 0;
	rc = transfer_count(x, buf_view(&c->ledger.new_id), &moved, &names, e);
	if ((rc = call_settle(c, rc, &stop, e)) == 0 && !stop) {
		if (buf_cstr(&names) == NULL || !ledger_complete(buf_view(&c->ledger.value),
		        run_now(x->run), moved, c->left, buf_cstr(&names), &text))
			rc = error_set(e, EX_SOFTWARE, "out of memory");
		/* The request first: until the record is complete the next run comes back to both. */
		else if ((rc = recount(c, moved, e)) == 0)
			rc = store_set(x, buf_view(&k->record_key), buf_view(&c->ledger.value),
			    buf_view(&text), x->settings->escalate_dead.escalation_ttl, &end, e);
	}
	if (rc == 0 && end == STORE_FAILED)
		rc = call_failed(c, e);
	else if (rc == 0 && end == STORE_SET && !stop)
		ledger_parse(c->id, buf_view(&text), &c->ledger);
	/* else another run has completed it: as good */
	buf_free(&names);
	buf_free(&text);
	return rc;
}

int
steps_finish(struct coordinator *c, struct error *e)
{
	struct call k;
	int rc;

	if (c->ledger.stage != LEDGER_SPAWNED)
		return 0;
	/* The hook and the warning first: until the record is complete the next run comes back to
	 * them, and told twice is better than not at all. */
	if ((rc = call_open(&k, c, e)) == 0) {
		call_hook(c, &k);
		if ((rc = steps_clear_warning(c, NULL, e)) == 0)
			rc = complete(c, &k, e);
	}
	call_close(&k);
	return rc;
}
