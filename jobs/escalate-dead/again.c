#include "again.h"

#include "fields.h"
#include "successor.h"

void
again_replacement(const struct coordinator *c, struct buf *out)
{
	char new_id[SUCCESSOR_SIZE];

	if (c->ledger.new_id.n > 0)
		buf_bytes(out, buf_view(&c->ledger.new_id));
	else if (c->ledger.stage == LEDGER_NONE && c->entry->incarnation != 0 &&
	    successor_id(c->id, c->entry->incarnation, new_id) == 0)
		buf_str(out, new_id);
}

struct bytes
again_told(const struct coordinator *c)
{

	return run_dry(c->job->run) && !c->adopted && c->entry->incarnation >= c->job->began ?
	    B("a new id") : buf_view(&c->ledger.new_id);
}

/* Is it there, or still to come? One that is overdue may never come. */
static bool
expected(const struct escalate *x, struct bytes id)
{
	const struct coordinator *c = escalate_find(x, id);

	return c != NULL && c->entry != NULL && (c->course == COURSE_AWAIT ||
	    (c->judgement.verdict == VERDICT_ALIVE && c->fields[FIELD_HEARTBEAT].there));
}

bool
again_hopeless(const struct coordinator *c)
{
	const struct coordinator *to;

	if (c->ledger.stage != LEDGER_FOREIGN || c->ledger.new_id.n == 0 ||
	    (to = escalate_find(c->job, buf_view(&c->ledger.new_id))) == NULL)
		return false;
	switch (to->course) {
	case COURSE_SUSPECT:
	case COURSE_ESCALATE:
	case COURSE_RESUME:
	case COURSE_RETIRE:
	case COURSE_RETIRED:
	case COURSE_GONE:
	case COURSE_ESCALATED:
		return true;
	default:
		return false;
	}
}

bool
again_same(const struct coordinator *c, struct buf *out)
{
	const struct facts facts = fields_facts(c);
	const bool finished = c->ledger.stage == LEDGER_COMPLETE;

	again_replacement(c, out);
	return (finished || c->entry->state == ROSTER_ESCALATED) &&
	    !(finished ? facts.life_since_record : facts.life_since) && out->n > 0 &&
	    expected(c->job, buf_view(out));
}

int
again_permit(struct coordinator *c, struct error *e)
{
	const struct facts facts = fields_facts(c);
	const bool finished = c->ledger.stage == LEDGER_COMPLETE;
	struct buf to = { 0 }, shown = { 0 };
	int rc = 0;

	if (!finished && c->entry->state != ROSTER_ESCALATED)
		return 0;
	c->reopen = again_same(c, &to);
	if (!(finished ? facts.life_since_record : facts.life_since) && c->items_n == c->stuck) {
		buf_escaped(&shown, buf_view(&to), 100);
		rc = error_set(e, EX_CRITICAL, "it was handed on already%s%s, and %s: refused",
		    to.n > 0 ? " to " : "", to.n > 0 && buf_cstr(&shown) != NULL ? buf_cstr(&shown) : "",
		    c->stuck > 0 ? "what is left under its id cannot be moved (the findings of any run say "
		    "why)" : "nothing is left of it to hand on");
	}
	/* Another death, or another try: in any case another replacement. */
	if (rc == 0 && !c->reopen) {
		buf_reset(&c->earlier);
		buf_bytes(&c->earlier, buf_view(&to));
		roster_set_state(c->entry, ROSTER_KNOWN, run_now(c->job->run));
		c->entry->incarnation = run_now(c->job->run);
	}
	buf_free(&to);
	buf_free(&shown);
	return rc;
}
