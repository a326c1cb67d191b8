#include "staying.h"

#include <string.h>

#include "again.h"
#include "belongings.h"

#define BATCH 100

void
staying_finding(struct coordinator *c, struct bytes key, enum item_fate fate, struct bytes new_id)
{
	struct result *result = c->job->result;

	switch (fate) {
	case ITEM_MOVES:
	case ITEM_GONE:
		break;
	case ITEM_ODD:
		result_finding(result, "work-wrong-type", SEVERITY_WARNING, key,
		    "this work item is not a string and stays with a dead coordinator");
		break;
	case ITEM_LARGE:
		result_finding(result, "work-too-large", SEVERITY_WARNING, key,
		    "this work item is larger than undo_value_max and stays with a dead coordinator");
		break;
	case ITEM_TAKEN:
		result_finding(result, "work-name-taken", SEVERITY_WARNING, key,
		    "its new name under %.*s holds something else: neither was touched", (int)new_id.n,
		    new_id.p);
		break;
	}
}

void
staying_findings(struct coordinator *c)
{
	struct buf to = { 0 };
	size_t i;

	again_replacement(c, &to);
	for (i = 0; i < c->items_n && c->stuck > 0; i++)
		staying_finding(c, c->items[i].key, c->items[i].fate, buf_view(&to));
	buf_free(&to);
}

struct looking {
	struct coordinator *c;
	struct error *e;
	bool failed;
};

/* Is the new name taken? Asked first. */
static void
on_name(void *ctx, size_t tag, const struct reply *r)
{
	struct looking *l = ctx;
	int64_t there;

	if (reply_integer(r, &there))
		l->c->items[tag].fate = there > 0 ? ITEM_TAKEN : ITEM_MOVES;
	else if (!l->failed) {
		l->failed = true;
		(void)reply_fail(r, l->e, "looking at the new name of a work item");
	}
}

static void
on_byte(void *ctx, size_t tag, const struct reply *r)
{
	struct looking *l = ctx;
	struct item *item = &l->c->items[tag];
	const char *error;
	struct bytes s;

	if (reply_string(r, &s)) {
		if (s.n > 0)
			item->fate = ITEM_LARGE;
	} else if ((error = reply_error(r)) != NULL && strncmp(error, "WRONGTYPE", 9) == 0)
		item->fate = ITEM_ODD;
	else if (!l->failed) {
		l->failed = true;
		(void)reply_fail(r, l->e, "looking at a work item");
	}
}

/* Asked last: a new name that is taken and an old one that is there later were there at once. */
static void
on_item(void *ctx, size_t tag, const struct reply *r)
{
	struct looking *l = ctx;
	int64_t there;

	if (reply_integer(r, &there)) {
		if (there == 0)
			l->c->items[tag].fate = ITEM_GONE;
	} else if (!l->failed) {
		l->failed = true;
		(void)reply_fail(r, l->e, "looking for a work item");
	}
}

/* Is the new name free; is there a byte beyond the largest that moves; is it there at all? */
static int
ask(struct looking *l, size_t i, struct bytes to)
{
	const struct item *item = &l->c->items[i];
	struct escalate *x = l->c->job;
	struct buf name = { 0 };
	char at[24];
	int rc = 0;

	(void)bytes_of_int(x->settings->reap_stale.undo_value_max, at);
	if (to.n > 0) {
		item_name(item, to, &name);
		rc = name.failed ? -1 : CLIENT_ADD(x->client, CLIENT_REPEAT, on_name, l, i,
		    B("EXISTS"), buf_view(&name));
	}
	if (rc == 0)
		rc = CLIENT_ADD(x->client, CLIENT_REPEAT, on_byte, l, i, B("GETRANGE"), item->key,
		    bytes_str(at), bytes_str(at));
	if (rc == 0)
		rc = CLIENT_ADD(x->client, CLIENT_REPEAT, on_item, l, i, B("EXISTS"), item->key);
	buf_free(&name);
	return rc == 0 ? 0 : error_set(l->e, EX_SOFTWARE, "out of memory");
}

static int
drain(struct looking *l)
{

	if (client_drain(l->c->job->client) != 0) {
		if (!l->failed)
			*l->e = *client_error(l->c->job->client);
		l->failed = true;
	}
	return l->failed ? -1 : 0;
}

static int
look(struct coordinator *c, struct error *e)
{
	struct looking l = { .c = c, .e = e };
	struct buf to = { 0 };
	size_t i;
	int rc = 0;

	if (!again_same(c, &to))
		buf_reset(&to);
	for (i = 0; i < c->items_n && rc == 0; i++) {
		rc = ask(&l, i, buf_view(&to));
		if (rc == 0 && client_pending(c->job->client) >= BATCH)
			rc = drain(&l);
	}
	if (drain(&l) != 0)
		rc = -1;
	belongings_prune(c);
	for (c->stuck = 0, i = 0; i < c->items_n; i++)
		c->stuck += c->items[i].fate != ITEM_MOVES;
	buf_free(&to);
	return rc;
}

/* Is it one whose work nobody moves but a person? */
static bool
left_alone(const struct coordinator *c)
{

	switch (c->course) {
	case COURSE_RETIRE:
	case COURSE_RETIRED:
	case COURSE_ESCALATED:
		return true;
	case COURSE_ESCALATE:
		return c->ledger.stage == LEDGER_COMPLETE || c->entry->state == ROSTER_ESCALATED;
	default:
		return false;
	}
}

int
staying_look(struct escalate *x, struct error *e)
{
	struct coordinator *c;
	size_t at = 0;

	while ((c = escalate_next(x, &at)) != NULL)
		if (c->items_n > 0 && c->entry != NULL && left_alone(c) && look(c, e) != 0)
			return -1;
	return 0;
}
