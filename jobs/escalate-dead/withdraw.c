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

/* The replacement: its spawn request as it stands, and whether it runs already. */
struct replacement {
	struct buf spawn;     /* empty if there is none */
	struct buf record;    /* of its own escalation; the same */
	struct buf heartbeat; /* the key */
	bool runs;            /* its heartbeat or its activity is there */
	struct error *e;
	bool failed;
};

static void
on_replacement(void *ctx, size_t tag, const struct reply *r)
{
	struct replacement *p = ctx;
	struct bytes value;
	int64_t n;

	if (tag == 1 && reply_integer(r, &n))
		p->runs = n > 0;
	else if (tag != 1 && reply_string(r, &value))
		buf_bytes(tag == 0 ? &p->spawn : &p->record, value);
	else if ((tag == 1 || (tag == 0 && !reply_is_nil(r))) && !p->failed) {
		p->failed = true;
		(void)reply_fail(r, p->e, "looking at a replacement");
	}
}

static int
look_at_replacement(struct coordinator *c, struct bytes spawn_key, struct replacement *p)
{
	struct client *client = c->job->client;
	struct buf record = { 0 }, activity = { 0 };
	bool failed;

	key_make(&p->heartbeat, FAMILY_HEARTBEAT, buf_view(&c->ledger.new_id));
	key_make(&activity, FAMILY_ACTIVITY, buf_view(&c->ledger.new_id));
	key_make(&record, FAMILY_ESCALATION, buf_view(&c->ledger.new_id));
	failed = p->heartbeat.failed || activity.failed || record.failed ||
	    CLIENT_ADD(client, CLIENT_REPEAT, on_replacement, p, 0, B("GET"), spawn_key) != 0 ||
	    CLIENT_ADD(client, CLIENT_REPEAT, on_replacement, p, 1, B("EXISTS"),
	        buf_view(&p->heartbeat), buf_view(&activity)) != 0 ||
	    CLIENT_ADD(client, CLIENT_REPEAT, on_replacement, p, 2, B("GET"),
	        buf_view(&record)) != 0;
	buf_free(&record);
	buf_free(&activity);
	if (failed) {
		(void)client_drain(client);
		return error_set(p->e, EX_SOFTWARE, "out of memory");
	}
	if (client_drain(client) != 0) {
		*p->e = *client_error(client);
		return -1;
	}
	return p->failed ? -1 : 0;
}

/* Has any run seen the replacement? It began then, also if its heartbeat is late just now. */
static bool
was_seen(const struct coordinator *c)
{
	const struct roster_entry *entry = roster_find(&c->job->roster, buf_view(&c->ledger.new_id));

	return entry != NULL && (entry->last_seen != 0 || entry->last_life != 0 ||
	    entry->activity != 0);
}

/* Whom that one was handed on to itself, appended to ${out}. */
static void
handed_on(const struct coordinator *c, const struct replacement *p, struct buf *out)
{
	struct ledger l = { 0 };

	if (p->record.n > 0)
		ledger_parse(buf_view(&c->ledger.new_id), buf_view(&p->record), &l);
	if (l.new_id.n > 0) {
		buf_str(out, "; it was handed on itself, to ");
		buf_bytes(out, buf_view(&l.new_id));
	}
	ledger_free(&l);
}

static bool
too_late(struct coordinator *c, const struct replacement *p, enum store_end end)
{
	struct result *result = c->job->result;
	const bool moving = c->ledger.stage == LEDGER_MOVING;
	struct buf further = { 0 };
	const char *why = NULL;

	if (end == STORE_OTHER)
		why = "another run is at it";
	else if (end == STORE_ALIVE || p->runs)
		why = "that one runs already: its heartbeat or its activity is there";
	else if (was_seen(c))
		why = "that one has begun: a run has seen it";
	else if (!moving && (end == STORE_SPAWN || p->spawn.n == 0))
		why = "its spawn request has been taken or withdrawn";
	else if (!moving && !ledger_spawn_pending(buf_view(&p->spawn)))
		why = "its spawn request is no longer pending";
	if (why == NULL)
		return false;
	handed_on(c, p, &further);
	result_finding(result, "cancel-too-late", SEVERITY_CRITICAL, c->id,
	    "the escalation to %.*s cannot be taken back: %s%s", (int)c->ledger.new_id.n,
	    c->ledger.new_id.p, why, buf_cstr(&further) != NULL ? buf_cstr(&further) : "");
	buf_free(&further);
	return true;
}

/* Without the originals nothing could go back: better that it stays as a whole. */
static int
originals_there(struct coordinator *c, struct error *e)
{
	const struct bytes new_id = buf_view(&c->ledger.new_id);
	struct buf shown = { 0 };
	int64_t kept;
	int rc;

	if ((rc = transfer_kept(c->job, new_id, &kept, e)) == 0 && kept < c->ledger.moved) {
		buf_escaped(&shown, new_id, 100);
		rc = error_set(e, EX_CRITICAL, "the originals of %" PRId64 " of its %" PRId64 " work items, "
		    "in coordkeep:moved:%s, are gone (evicted, expired or deleted), so its work cannot be "
		    "taken back: nothing was changed", c->ledger.moved - kept, c->ledger.moved,
		    buf_cstr(&shown) != NULL ? buf_cstr(&shown) : "");
		buf_free(&shown);
	}
	return rc;
}

/* The record says that it goes back, as far as ${p} allows. */
static int
write_mark(struct coordinator *c, struct call *k, const struct buf *text,
    const struct replacement *p, enum store_end *end, struct error *e)
{
	const int64_t ttl = c->job->settings->escalate_dead.escalation_ttl;
	struct bytes value = buf_view(&c->ledger.value);

	if (run_dry(c->job->run))
		return 0;
	if (c->ledger.stage == LEDGER_MOVING)
		return store_set(c->job, buf_view(&k->record_key), value, buf_view(text), ttl, end, e);
	return store_unspawn(c->job, &(struct store_request){ .record = buf_view(&k->record_key),
	    .old = value, .new_value = buf_view(text), .spawn_key = buf_view(&k->spawn_key),
	    .spawn = buf_view(&p->spawn) }, buf_view(&p->heartbeat), ttl, end, e);
}

/* From here on no run moves anything for it, and nobody is asked to replace it. */
static int
mark(struct coordinator *c, struct call *k, bool by_person, bool *done, struct error *e)
{
	struct replacement p = { .e = e };
	struct buf text = { 0 };
	enum store_end end = STORE_SET;
	int rc = 0;

	*done = false;
	key_make(&k->spawn_key, FAMILY_SPAWN, buf_view(&c->ledger.new_id));
	if (k->spawn_key.failed || !ledger_cancelling(buf_view(&c->ledger.value),
	        run_now(c->job->run), by_person, &text))
		rc = error_set(e, EX_SOFTWARE, "out of memory");
	else if (by_person)
		rc = look_at_replacement(c, buf_view(&k->spawn_key), &p);
	if (rc != 0 || (by_person && too_late(c, &p, STORE_SET)) ||
	    (by_person && (rc = originals_there(c, e)) != 0))
		goto out;
	if ((rc = write_mark(c, k, &text, &p, &end, e)) != 0)
		goto out;
	if (end == STORE_FAILED)
		rc = call_failed(c, e);
	else if (end == STORE_SET) {
		ledger_parse(c->id, buf_view(&text), &c->ledger);
		*done = true;
	} else if (c->ledger.stage != LEDGER_MOVING)
		(void)too_late(c, &p, end);
	else
		log_event(LOG_LEVEL_WARN, "not-withdrawn", &c->id,
		    "another run is at it: left to that one");
out:
	buf_free(&text);
	buf_free(&p.spawn);
	buf_free(&p.record);
	buf_free(&p.heartbeat);
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
	c->left = left;
	forget_replacement(x, buf_view(&c->ledger.new_id));
	if (c->entry->last_seen == 0 && c->entry->last_life == 0 && !c->fields[FIELD_SPAWN].there &&
	    c->items_n + (size_t)c->ledger.moved > 0)
		result_finding(x->result, "not-asked-for", SEVERITY_WARNING, c->id,
		    "it has never been seen, and what asked for it was withdrawn when its work was handed "
		    "on: its work is under its id again and nobody will start it. Start it, or escalate-dead "
		    "--coordinator ID --force hands its work on again");
	/* A person's word counts as life: a later death is another one, with another
	 * replacement, or those who were told of this one would take it for a repeat. */
	if (c->ledger.by_person || c->entry->last_life == 0)
		c->entry->last_life = now;
	roster_set_state(c->entry, ROSTER_KNOWN, now);
	if (escalate_save(x, e) != 0)
		return -1;
	return steps_clear_warning(c, NULL, e);
}

int
steps_withdraw(struct coordinator *c, bool by_person, bool *done, struct error *e)
{
	struct escalate *x = c->job;
	enum store_end end = STORE_SET;
	bool stop = false;
	struct call k;
	int rc;

	c->withdrawn = true;
	*done = c->ledger.stage == LEDGER_CANCELLING;
	rc = call_open(&k, c, e);
	if (rc == 0 && !*done)
		rc = mark(c, &k, by_person, done, e);
	if (rc == 0 && *done) {
		rc = call_settle(c, put_back(c, e), &stop, e);
		*done = !stop;
		if (rc == 0 && *done && !run_dry(x->run))
			rc = store_set(x, buf_view(&k.record_key), buf_view(&c->ledger.value), B(""), 1,
			    &end, e);
		if (rc == 0 && end == STORE_FAILED)
			rc = call_failed(c, e);
	}
	call_close(&k);
	return rc;
}
