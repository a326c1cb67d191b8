#include "call.h"

#include <string.h>

#include "evidence.h"
#include "fields.h"
#include "swarms.h"

int
call_open(struct call *k, struct coordinator *c, struct error *e)
{
	const struct roster_entry *entry = c->entry;
	size_t i;

	memset(k, 0, sizeof(*k));
	k->c = c;
	fields_key(c, FIELD_RECORD, &k->record_key);
	evidence_reason(c, &k->reason);
	if (buf_cstr(&k->reason) == NULL || k->record_key.failed ||
	    successor_id(c->id, entry->incarnation, k->new_id) != 0)
		return error_set(e, EX_SOFTWARE, "out of memory, or SHA-256 is not available");
	k->facts = (struct ledger_new){
		.id = c->id,
		.new_id = c->ledger.new_id.n > 0 ? buf_view(&c->ledger.new_id) :
		    bytes_str(k->new_id),
		.swarms = k->swarms,
		.now = run_now(c->job->run),
		.earlier = buf_view(&c->earlier),
		.incarnation = entry->incarnation,
		.last_life = entry->last_life,
		.warnings = c->warnings,
		.reason = buf_cstr(&k->reason),
		.run = run_id(c->job->run),
		.host = run_host(c->job->run),
	};
	/* What the record says, or, where there is none yet, what the work says. */
	for (i = 0; i < c->ledger.swarms_n; i++)
		k->swarms[i] = buf_view(&c->ledger.swarms[i]);
	k->facts.swarms_n = i > 0 ? i : swarms_of(c, k->swarms, LEDGER_SWARMS);
	return 0;
}

void
call_close(struct call *k)
{

	buf_free(&k->record_key);
	buf_free(&k->spawn_key);
	buf_free(&k->reason);
}

int
call_reread(struct coordinator *c, struct error *e)
{

	fields_forget(c, FIELD_RECORD);
	if (fields_ask(c, FIELD_RECORD) != 0)
		return error_set(e, EX_SOFTWARE, "out of memory");
	if (client_drain(c->job->client) != 0) {
		*e = *client_error(c->job->client);
		return -1;
	}
	if (c->job->failed.exit != 0) {
		*e = c->job->failed;
		return -1;
	}
	fields_parse(c);
	return 0;
}

bool
call_hopeless(const struct error *e)
{

	return e->exit == EX_UNAVAILABLE || e->exit == EX_NOPERM;
}

int
call_failed(struct coordinator *c, struct error *e)
{

	if (call_hopeless(e))
		return -1;
	result_failed(c->job->result, "escalation-failed", c->id, "%s", e->text);
	memset(e, 0, sizeof(*e));
	return 0;
}

int
call_settle(struct coordinator *c, int rc, bool *stop, struct error *e)
{

	*stop = rc != 0 && e->exit == EX_CRITICAL;
	return *stop ? call_failed(c, e) : rc;
}
