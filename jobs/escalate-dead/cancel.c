#include "cancel.h"

#include <inttypes.h>

#include "fields.h"
#include "report.h"
#include "steps.h"

static int
look(struct escalate *x, struct coordinator *c, struct error *e)
{
	size_t i;

	for (i = 0; i < FIELDS; i++)
		if (fields_ask(c, (enum field_name)i) != 0)
			return error_set(e, EX_SOFTWARE, "out of memory");
	if (client_drain(x->client) != 0) {
		*e = *client_error(x->client);
		return -1;
	}
	if (x->failed.exit != 0) {
		*e = x->failed;
		return -1;
	}
	if (fields_judge(c) != 0)
		return error_set(e, EX_SOFTWARE, "out of memory");
	fields_parse(c);
	return 0;
}

static void
tell(struct escalate *x, const struct coordinator *c, bool done)
{
	json_t *o = report_json(c);

	if (o == NULL)
		return;
	(void)json_object_set_new(o, "cancelled", json_boolean(done));
	if (done)
		(void)json_object_del(o, "escalation"); /* its record is away */
	result_object(x->result, "escalate_dead", o);
}

/* Why it cannot be taken back, or NULL. */
static const char *
objection(const struct coordinator *c)
{

	if (c->ledger.stage == LEDGER_NONE)
		return "there is no escalation of it on record";
	if (c->ledger.stage == LEDGER_UNREADABLE || c->ledger.stage == LEDGER_FOREIGN ||
	    !c->ledger.ours)
		return "its escalation record is not one of escalate-dead: left as it is";
	return NULL;
}

static void
say_done(struct escalate *x, const struct coordinator *c)
{
	struct buf text = { 0 };

	buf_str(&text, run_dry(x->run) ? "Would be taken back: " : "Taken back: ");
	if (c->left > 0)
		buf_printf(&text, "its work is its own again, but for %" PRId64 " item%s that could not go "
		    "back (the findings name %s)", c->left, c->left == 1 ? "" : "s",
		    c->left == 1 ? "it" : "them");
	else
		buf_str(&text, "its work is its own again");
	if (c->ledger.earlier.n > 0) {
		buf_str(&text, ", but for what was handed on before, to ");
		buf_escaped(&text, buf_view(&c->ledger.earlier), 100);
	}
	buf_str(&text, ", and the jobs keep off it for 24 hours");
	if (buf_cstr(&text) != NULL)
		result_say(x->result, "%s", buf_cstr(&text));
	buf_free(&text);
}

int
cancel_run(struct escalate *x, struct bytes id, struct error *e)
{
	struct coordinator *c;
	struct buf shown = { 0 };
	bool done = false;

	if ((c = escalate_coordinator(x, id)) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	if (look(x, c, e) != 0)
		return -1;
	if (objection(c) != NULL) {
		tell(x, c, false);
		buf_escaped(&shown, id, 100);
		(void)error_set(e, EX_CRITICAL, "%s: %s",
		    buf_cstr(&shown) != NULL ? buf_cstr(&shown) : "", objection(c));
		buf_free(&shown);
		return -1;
	}
	if (steps_withdraw(c, true, &done, e) != 0) {
		tell(x, c, false);
		return -1;
	}
	tell(x, c, done);
	if (done)
		say_done(x, c);
	else
		result_say(x->result, "Not taken back");
	return 0;
}
