#include "steps.h"

#include <inttypes.h>

#include "base/log.h"
#include "call.h"
#include "coordination/keys.h"
#include "fields.h"
#include "store.h"
#include "transfer.h"

/* For how long what a person took back is left alone. */
#define HOLD_MS INT64_C(86400000)

/* The spawn request as it stands; empty if there is none. */
static int
read_spawn(struct escalate *x, struct bytes key, struct buf *out, struct error *e)
{
	struct bytes value;
	struct reply *r;
	int rc = 0;

	if ((r = CLIENT_CALL(x->client, CLIENT_REPEAT, B("GET"), key)) == NULL) {
		*e = *client_error(x->client);
		return -1;
	}
	if (reply_string(r, &value))
		buf_bytes(out, value);
	else if (!reply_is_nil(r))
		rc = reply_fail(r, e, "GET of a spawn request");
	reply_free(r);
	return rc;
}

static bool
too_late(struct coordinator *c, struct bytes spawn, enum store_end end)
{
	struct result *result = c->job->result;
	const char *why = NULL;

	if (end == STORE_OTHER)
		why = "another run is at it";
	else if (end == STORE_SPAWN || spawn.n == 0)
		why = "its spawn request has been taken or withdrawn";
	else if (!ledger_spawn_pending(spawn))
		why = "its spawn request is no longer pending";
	if (why != NULL)
		result_finding(result, "cancel-too-late", SEVERITY_CRITICAL, c->id,
		    "the escalation to %.*s cannot be taken back: %s", (int)c->ledger.new_id.n,
		    c->ledger.new_id.p, why);
	return why != NULL;
}

/* From here on no run moves anything for it, and nobody is asked to replace it. */
static int
mark(struct coordinator *c, struct call *k, bool by_person, bool *done, struct error *e)
{
	struct escalate *x = c->job;
	const int64_t ttl = x->settings->escalate_dead.escalation_ttl;
	struct bytes value = buf_view(&c->ledger.value);
	struct buf text = { 0 }, spawn = { 0 };
	enum store_end end = STORE_SET;
	int rc = 0;

	*done = false;
	key_make(&k->spawn_key, FAMILY_SPAWN, buf_view(&c->ledger.new_id));
	if (k->spawn_key.failed || !ledger_cancelling(value, run_now(x->run), by_person, &text))
		rc = error_set(e, EX_SOFTWARE, "out of memory");
	else if (c->ledger.stage == LEDGER_MOVING) {
		if (!run_dry(x->run))
			rc = store_set(x, buf_view(&k->record_key), value, buf_view(&text), ttl,
			    &end, e);
	} else if ((rc = read_spawn(x, buf_view(&k->spawn_key), &spawn, e)) == 0) {
		if (too_late(c, buf_view(&spawn), STORE_SET))
			goto out;
		if (!run_dry(x->run))
			rc = store_unspawn(x, buf_view(&k->record_key), value, buf_view(&text),
			    buf_view(&k->spawn_key), buf_view(&spawn), ttl, &end, e);
	}
	if (rc != 0)
		goto out;
	if (end == STORE_FAILED)
		rc = call_failed(c, e);
	else if (end == STORE_SET) {
		ledger_parse(c->id, buf_view(&text), &c->ledger);
		*done = true;
	} else if (c->ledger.stage != LEDGER_MOVING)
		(void)too_late(c, buf_view(&spawn), end);
	else
		log_event(LOG_LEVEL_WARN, "not-withdrawn", &c->id,
		    "another run is at it: left to that one");
out:
	buf_free(&text);
	buf_free(&spawn);
	return rc;
}

static void
forget_replacement(struct escalate *x, struct bytes new_id)
{
	struct roster_entry *entry = roster_find(&x->roster, new_id);

	if (entry == NULL || entry->state != ROSTER_AWAITED)
		return;
	entry->removed = true;
}

/* The rest of a withdrawal whose record says so: whichever run is at it. */
static int
put_back(struct coordinator *c, struct error *e)
{
	struct escalate *x = c->job;
	const int64_t now = run_now(x->run);
	int64_t left = 0;

	/* What a person took back is not to be handed on again a few minutes later. */
	if (c->ledger.by_person && !run_dry(x->run) &&
	    hold_put(x->client, c->id, now + HOLD_MS, e) != 0)
		return -1;
	if (transfer_back(c, buf_view(&c->ledger.new_id), &left, e) != 0)
		return -1;
	result_action(x->result, "withdraw", c->id, "the escalation to %.*s %s withdrawn%s",
	    (int)c->ledger.new_id.n, c->ledger.new_id.p, run_dry(x->run) ? "would be" : "is",
	    left > 0 ? "; not all of the work could go back" : "");
	forget_replacement(x, buf_view(&c->ledger.new_id));
	/* A person's word counts as life: a later death is another one, with another
	 * replacement, or those who were told of this one would take it for a repeat. */
	if (c->ledger.by_person || c->entry->last_life == 0)
		c->entry->last_life = now;
	roster_set_state(c->entry, ROSTER_KNOWN, now);
	if (escalate_save(x, e) != 0)
		return -1;
	return steps_clear_warning(c, e);
}

int
steps_withdraw(struct coordinator *c, bool by_person, bool *done, struct error *e)
{
	struct escalate *x = c->job;
	enum store_end end = STORE_SET;
	struct call k;
	int rc;

	c->withdrawn = true;
	*done = c->ledger.stage == LEDGER_CANCELLING;
	rc = call_open(&k, c, e);
	if (rc == 0 && !*done)
		rc = mark(c, &k, by_person, done, e);
	if (rc == 0 && *done) {
		rc = put_back(c, e);
		if (rc == 0 && !run_dry(x->run))
			rc = store_set(x, buf_view(&k.record_key), buf_view(&c->ledger.value), B(""), 1,
			    &end, e);
		if (rc == 0 && end == STORE_FAILED)
			rc = call_failed(c, e);
	}
	call_close(&k);
	return rc;
}
