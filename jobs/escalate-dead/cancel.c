#include "cancel.h"

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

int
cancel_run(struct escalate *x, struct bytes id, struct error *e)
{
	struct coordinator *c;
	json_t *o;
	bool done;

	if ((c = escalate_coordinator(x, id)) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	if (look(x, c, e) != 0)
		return -1;
	if (c->ledger.stage == LEDGER_NONE)
		return error_set(e, EX_CRITICAL, "there is no escalation of it on record");
	if (c->ledger.stage == LEDGER_UNREADABLE || c->ledger.stage == LEDGER_FOREIGN ||
	    !c->ledger.ours)
		return error_set(e, EX_CRITICAL,
		    "its escalation record is not one of escalate-dead: left as it is");
	if (steps_withdraw(c, true, &done, e) != 0)
		return -1;
	if ((o = report_json(c)) != NULL) {
		(void)json_object_set_new(o, "cancelled", json_boolean(done));
		if (done)
			(void)json_object_del(o, "escalation"); /* its record is away */
		result_object(x->result, "escalate_dead", o);
	}
	if (done)
		result_say(x->result, "%s: its work is its own again, and the jobs keep off it for 24 "
		    "hours", run_dry(x->run) ? "Would be taken back" : "Taken back");
	else
		result_say(x->result, "Not taken back");
	return 0;
}
