#include "steps.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "again.h"
#include "base/log.h"
#include "call.h"
#include "evidence.h"
#include "fields.h"
#include "request.h"
#include "store.h"
#include "transfer.h"

/* How often a record that somebody else changed is read again. */
#define TRIES 3

/* The record as it has to be before anything is moved: text onto ${out}. */
static bool
compose(const struct call *k, struct buf *out)
{
	const struct ledger *l = &k->c->ledger;
	struct buf text = { 0 };
	bool ok;

	if (k->c->reopen) {
		if (l->stage == LEDGER_COMPLETE)
			buf_bytes(&text, buf_view(&l->value));
		else
			ledger_begin(&k->facts, &text);
		ok = !text.failed && ledger_reopen(buf_view(&text), k->facts.now,
		    l->ours ? l->incarnation : k->facts.incarnation > 0 ? k->facts.incarnation :
		    k->facts.now, out);
		buf_free(&text);
		return ok;
	}
	if (l->stage != LEDGER_FOREIGN) {
		ledger_begin(&k->facts, out);
		return !out->failed;
	}
	return ledger_adopt(buf_view(&l->value), &k->facts, l->new_id.n > 0, out);
}

/* Is the record as it is the last word? *go: it is one of ours in progress. */
static bool
settled(struct coordinator *c, bool *go)
{
	const struct facts facts = fields_facts(c);
	/* A person who said --force was refused, then. */
	const enum severity severity = facts.force > 0 ? SEVERITY_CRITICAL : SEVERITY_WARNING;

	switch (c->ledger.stage) {
	case LEDGER_MOVING:
	case LEDGER_SPAWNED:
	case LEDGER_CANCELLING:
		/* Reopened by another run, too: that one is at it. */
		*go = c->ledger.stage == LEDGER_MOVING;
		return true;
	case LEDGER_COMPLETE:
		return !facts.life_since_record && facts.force == 0;
	case LEDGER_UNREADABLE:
		result_finding(c->job->result, "escalation-unreadable", severity, c->id,
		    "coordinator:escalation: of a dead coordinator holds something that is no escalation "
		    "record of it, or one that is finished for nobody: not handed on while it is there");
		return true;
	case LEDGER_FOREIGN:
		if (!again_hopeless(c))
			return false;
		result_finding(c->job->result, "replacement-dead", severity, c->id,
		    "the escalation record that another process left names %.*s, which is gone itself: not "
		    "handed on while that record is there", (int)c->ledger.new_id.n, c->ledger.new_id.p);
		return true;
	default:
		return false;
	}
}

/* Write the record that is wanted in place of the one that was read. *end STORE_OTHER:
 * it is another by now. */
static int
write_record(struct coordinator *c, enum store_end *end, struct error *e)
{
	struct escalate *x = c->job;
	struct buf text = { 0 };
	struct store_life life;
	struct call k;
	int rc;

	*end = STORE_SET;
	store_life(c, &life);
	c->adopted = c->ledger.stage == LEDGER_FOREIGN;
	/* A finished one is of an earlier life: what it names is not for this one. */
	if (c->ledger.stage == LEDGER_COMPLETE && !c->reopen)
		ledger_disown(&c->ledger);
	if ((rc = call_open(&k, c, e)) == 0 && !compose(&k, &text))
		rc = error_set(e, EX_SOFTWARE, "the escalation record cannot be made");
	if (rc == 0 && !run_dry(x->run))
		rc = life.key.failed ? error_set(e, EX_SOFTWARE, "out of memory") :
		    store_begin(x, buf_view(&k.record_key), buf_view(&c->ledger.value),
		        buf_view(&text), &life, x->settings->escalate_dead.escalation_ttl, end, e);
	call_close(&k);
	buf_free(&life.key);
	if (rc == 0 && *end == STORE_SET)
		ledger_parse(c->id, buf_view(&text), &c->ledger);
	else if (rc == 0 && *end == STORE_FAILED)
		rc = call_failed(c, e);
	else if (rc == 0 && *end == STORE_GONE)
		rc = error_set(e, EX_TEMPFAIL, "the roster is gone since it was written: the server was "
		    "flushed or changed; the next run judges anew");
	buf_free(&text);
	return rc;
}

/* It showed life after the last look: what was done goes back. */
static int
came_back(struct coordinator *c, struct error *e)
{
	struct escalate *x = c->job;
	bool done;

	c->entry->last_life = run_now(x->run);
	if (c->reopen) {
		log_event(LOG_LEVEL_WARN, "recovered", &c->id,
		    "it showed life while what is left of it was to be handed on: that stays");
		return 0;
	}
	log_event(LOG_LEVEL_WARN, "recovered", &c->id, c->ledger.stage == LEDGER_MOVING ?
	    "it showed life while its work was being moved: all of it goes back" :
	    "it showed life just before it was handed on");
	roster_set_state(c->entry, ROSTER_KNOWN, run_now(x->run));
	if (c->ledger.stage == LEDGER_MOVING) {
		c->course = COURSE_WITHDRAW;
		return steps_withdraw(c, false, &done, e);
	}
	c->course = COURSE_RECOVERED;
	result_count(x->result, "recovered", 1);
	return steps_clear_warning(c, NULL, e);
}

/*
 * See to it that the record is one of ours that is in progress. *go false:
 * there is nothing to move (done, somebody else's, or *alive); c->ledger says which.
 */
static int
begin(struct coordinator *c, bool *go, bool *alive, struct error *e)
{
	enum store_end end;
	int tries;

	*go = *alive = false;
	for (tries = 0; tries < TRIES; tries++) {
		if (settled(c, go))
			return 0;
		if (write_record(c, &end, e) != 0)
			return -1;
		if (end != STORE_OTHER) {
			*go = end == STORE_SET;
			*alive = end == STORE_ALIVE;
			return 0;
		}
		if (call_reread(c, e) != 0)
			return -1;
	}
	return 0;
}

static int
publish(struct call *k, int64_t moved, bool *told, struct error *e)
{
	struct escalate *x = k->c->job;
	struct ledger_new facts = k->facts;
	struct buf channel = { 0 }, message = { 0 };
	struct reply *r;
	int64_t receivers;
	size_t i;
	int rc = 0;

	*told = true;
	facts.swarms_n = 1;
	for (i = 0; i < k->facts.swarms_n && rc == 0 && !run_dry(x->run); i++) {
		facts.swarms = &k->swarms[i];
		buf_reset(&channel);
		buf_reset(&message);
		ledger_channel(k->swarms[i], &channel);
		ledger_message(&facts, moved, &message);
		r = channel.failed || message.failed ? NULL :
		    CLIENT_CALL(x->client, CLIENT_REPEAT, B("PUBLISH"), buf_view(&channel),
		        buf_view(&message));
		if (r == NULL) {
			*e = *client_error(x->client);
			rc = -1;
		} else if (!reply_integer(r, &receivers)) {
			*told = false;
			(void)reply_fail(r, e, "PUBLISH %.*s", (int)channel.n, channel.p);
			rc = call_failed(k->c, e);
		}
		reply_free(r);
	}
	buf_free(&channel);
	buf_free(&message);
	return rc;
}

/* Spawn request if it is not out yet, message, roster. */
static int
call_replacement(struct coordinator *c, struct error *e)
{
	struct escalate *x = c->job;
	int64_t moved = c->moved, here = moved;
	enum store_end end = STORE_SET;
	struct buf names = { 0 };
	bool told = false, seen = false, stop = false;
	struct call k;
	int rc;

	if ((rc = call_open(&k, c, e)) == 0 && !run_dry(x->run))
		rc = call_settle(c, transfer_count(x, k.facts.new_id, &moved, &names, e), &stop, e);
	if (stop)
		end = STORE_FAILED;
	else if (rc == 0 && c->ledger.stage == LEDGER_MOVING)
		rc = request_ask(&k, moved, &end, e);
	else if (rc == 0)
		rc = request_expect(c, false, &seen, e);
	/* Opened again: the record, into which it looks, is another now. */
	call_close(&k);
	if (rc == 0 && end == STORE_ALIVE)
		rc = came_back(c, e);
	else if (rc == 0 && end == STORE_SET && c->ledger.stage == LEDGER_SPAWNED &&
	    (rc = call_open(&k, c, e)) == 0) {
		told = c->reopen && here == 0; /* there is nothing to tell */
		if (!told)
			rc = publish(&k, moved, &told, e);
	}
	if (rc == 0 && told) {
		c->escalated_now = true;
		/* Redis's clock may have been set back: no life of before is one after. */
		roster_set_state(c->entry, ROSTER_ESCALATED, run_now(x->run) > c->entry->last_life ?
		    run_now(x->run) : c->entry->last_life);
		c->moved = moved = c->reopen ? here : moved;
	}
	if (rc == 0 && told && !steps_idle(c))
		result_action(x->result, "escalate", c->id, "%s to %.*s: %" PRId64 " work item%s moved, "
		    "%" PRId64 " left", run_dry(x->run) ? "would be handed on" : "handed on",
		    (int)again_told(c).n, again_told(c).p, moved, moved == 1 ? "" : "s", c->left);
	buf_free(&names);
	call_close(&k);
	return rc;
}

int
steps_hand_on(struct coordinator *c, struct error *e)
{
	struct escalate *x = c->job;
	enum transfer_end end = TRANSFER_DONE;
	bool go, alive, possible = true;

	/* Of what is left of one that was handed on nothing is detected. */
	if (!c->reopen)
		evidence_log(c);
	if (begin(c, &go, &alive, e) != 0)
		return -1;
	if (alive)
		return came_back(c, e);
	if (c->adopted && go)
		log_event(LOG_LEVEL_INFO, "adopted", &c->id,
		    "another process had begun to escalate it: going on with its record");
	if (go && request_possible(c, &possible, e) != 0)
		return -1;
	if (!possible)
		return 0;
	if (go) {
		if (transfer_work(c, buf_view(&c->ledger.new_id), &end, e) != 0)
			return -1;
		if (end == TRANSFER_STOPPED)
			return error_set(e, EX_TEMPFAIL, "the time was up while work was being moved: the "
			    "next run goes on");
		if (end == TRANSFER_ALIVE) {
			if (came_back(c, e) != 0)
				return -1;
			if (!c->reopen)
				return 0;
		}
		if (end == TRANSFER_FAILED && call_hopeless(e))
			return -1;
	}
	if (end == TRANSFER_LOST || end == TRANSFER_FAILED)
		return 0;
	if (c->ledger.stage == LEDGER_COMPLETE) {
		/* Another run, or another process, was faster; not if it is of an earlier life
		 * and could only not be replaced. */
		if (!settled(c, &go))
			return 0;
		roster_set_state(c->entry, ROSTER_ESCALATED, run_now(x->run));
		return 0;
	}
	if (c->ledger.stage != LEDGER_MOVING && c->ledger.stage != LEDGER_SPAWNED)
		return 0;
	return call_replacement(c, e);
}
