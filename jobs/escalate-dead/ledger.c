#include "ledger.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "coordination/record.h"

static const char *const stage_names[] = {
	[LEDGER_NONE] = "none",
	[LEDGER_UNREADABLE] = "unreadable",
	[LEDGER_FOREIGN] = "foreign",
	[LEDGER_MOVING] = "in_progress",
	[LEDGER_SPAWNED] = "spawned",
	[LEDGER_COMPLETE] = "complete",
	[LEDGER_CANCELLING] = "cancelling",
};
static_assert(sizeof(stage_names) / sizeof(stage_names[0]) == LEDGER_CANCELLING + 1,
    "a name for every stage");

const char *
ledger_stage_name(enum ledger_stage s)
{

	return (unsigned int)s <= LEDGER_CANCELLING ? stage_names[s] : "unknown";
}

void
ledger_free(struct ledger *l)
{
	size_t i;

	buf_free(&l->value);
	buf_free(&l->new_id);
	buf_free(&l->earlier);
	for (i = 0; i < l->swarms_n; i++)
		buf_free(&l->swarms[i]);
	memset(l, 0, sizeof(*l));
}

void
ledger_disown(struct ledger *l)
{

	buf_reset(&l->new_id);
	while (l->swarms_n > 0)
		buf_free(&l->swarms[--l->swarms_n]);
}

bool
ledger_add_swarm(struct ledger *l, struct bytes swarm)
{
	size_t i;

	for (i = 0; i < l->swarms_n; i++)
		if (bytes_equal(buf_view(&l->swarms[i]), swarm))
			return true;
	if (l->swarms_n == LEDGER_SWARMS)
		return false;
	buf_bytes(&l->swarms[l->swarms_n], swarm);
	return !l->swarms[l->swarms_n++].failed;
}

static enum ledger_stage
stage_of(struct bytes status, bool ours)
{

	/* Whoever finished it, there is nothing left to do. */
	if (bytes_equal(status, B("complete")) || bytes_equal(status, B("completed")))
		return LEDGER_COMPLETE;
	if (!ours)
		return LEDGER_FOREIGN;
	if (bytes_equal(status, B("in_progress")))
		return LEDGER_MOVING;
	if (bytes_equal(status, B("spawned")))
		return LEDGER_SPAWNED;
	if (bytes_equal(status, B("cancelling")))
		return LEDGER_CANCELLING;
	return LEDGER_FOREIGN;
}

/* Below it no escalation was made (ms, 2001): a clock that was never set. */
#define TIME_LEAST INT64_C(1000000000000)

/*
 * Is what it says about this coordinator, and can it be? A finished record stands in the way of every
 * later run, so one that says to nobody, to the dead one itself, or at no time is not believed; one that
 * is still to be gone on with is, and gets what it lacks. An id that is no text is not told by one.
 */
static bool
believable(const struct record *record, struct bytes value, struct bytes dead,
    const struct ledger *l)
{
	struct bytes text;

	if (bytes_is_utf8(dead) && memchr(dead.p, '\0', dead.n) == NULL &&
	    record_text(record, "deadCoordinatorId", &text) && !bytes_equal(text, dead))
		return false;
	if (l->ours || l->stage != LEDGER_COMPLETE)
		return true;
	/* Without a time it can still be; one that says "soon" cannot. */
	if (l->timestamp == INT64_MAX && record_raw(value, "timestamp", &text))
		return false;
	return l->timestamp >= TIME_LEAST && (!record_text(record, "newCoordinatorId", &text) ||
	    (text.n > 0 && !bytes_equal(text, dead)));
}

static void
parse_swarms(const struct record *record, struct bytes value, struct ledger *l)
{
	struct bytes swarm, raw;
	json_t *list, *one;
	size_t i;

	if (record_text(record, "swarmId", &swarm))
		ledger_add_swarm(l, swarm);
	if (!record_raw(value, "swarms", &raw) ||
	    (list = json_loadb(raw.p, raw.n, 0, NULL)) == NULL)
		return;
	json_array_foreach(list, i, one)
		if (json_is_string(one))
			ledger_add_swarm(l, (struct bytes){ json_string_value(one),
			    json_string_length(one) });
	json_decref(list);
}

void
ledger_parse(struct bytes dead, struct bytes value, struct ledger *l)
{
	struct bytes text, status = B("");
	struct record *record;
	struct stamp stamp;
	const char *why;

	ledger_free(l);
	l->stage = LEDGER_UNREADABLE;
	l->timestamp = INT64_MAX;
	buf_bytes(&l->value, value);
	if (l->value.failed || (record = record_parse(value, &why)) == NULL)
		return;
	if (record_integer(record, "incarnation", &l->incarnation) && l->incarnation > 0)
		l->ours = true;
	else
		l->incarnation = 0;
	(void)record_text(record, "status", &status);
	l->stage = stage_of(status, l->ours);
	if (record_time(record, "timestamp", &stamp))
		l->timestamp = stamp.ms;
	/* Another process's clock is not Redis's: one that was adopted is of that moment. */
	if (record_time(record, "adoptedAt", &stamp) &&
	    (l->timestamp == INT64_MAX || stamp.ms > l->timestamp))
		l->timestamp = stamp.ms;
	/* One that names the dead coordinator itself names nobody. */
	if (record_text(record, "newCoordinatorId", &text) && text.n <= 1024 &&
	    !bytes_equal(text, dead))
		buf_bytes(&l->new_id, text);
	if (record_text(record, "earlierCoordinatorId", &text) && text.n <= 1024)
		buf_bytes(&l->earlier, text);
	(void)record_integer(record, "workMoved", &l->moved);
	l->by_person = record_text(record, "cancelledBy", &text) && bytes_equal(text, B("person"));
	parse_swarms(record, value, l);
	if (l->ours && l->new_id.n == 0)
		l->stage = LEDGER_FOREIGN; /* to be adopted: it then has one */
	if (!believable(record, value, dead, l)) {
		l->stage = LEDGER_UNREADABLE;
		ledger_disown(l);
	}
	record_free(record);
}

static void
field_text(struct buf *out, const char *name, struct bytes s)
{

	buf_printf(out, "\"%s\":", name);
	record_quote(out, s);
	buf_char(out, ',');
}

/* An id as text, and exactly where it is no text. */
static void
field_id(struct buf *out, const char *name, struct bytes id)
{

	field_text(out, name, id);
	if (bytes_is_utf8(id))
		return;
	buf_printf(out, "\"%s_b64\":\"", name);
	buf_base64(out, id);
	buf_str(out, "\",");
}

static void
swarm_list(const struct ledger_new *n, struct buf *out)
{
	size_t i;

	buf_char(out, '[');
	for (i = 0; i < n->swarms_n; i++) {
		if (i > 0)
			buf_char(out, ',');
		record_quote(out, n->swarms[i]);
	}
	buf_char(out, ']');
}

void
ledger_begin(const struct ledger_new *n, struct buf *out)
{

	buf_char(out, '{');
	field_id(out, "deadCoordinatorId", n->id);
	field_id(out, "newCoordinatorId", n->new_id);
	if (n->earlier.n > 0)
		field_id(out, "earlierCoordinatorId", n->earlier);
	field_text(out, "swarmId", n->swarms[0]);
	if (n->swarms_n > 1) {
		buf_str(out, "\"swarms\":");
		swarm_list(n, out);
		buf_char(out, ',');
	}
	buf_printf(out, "\"timestamp\":%" PRId64 ",", n->now);
	field_text(out, "reason", bytes_str(n->reason));
	buf_printf(out, "\"status\":\"in_progress\",\"incarnation\":%" PRId64
	    ",\"lastSignOfLife\":%" PRId64 ",\"warnings\":%" PRId64 ",", n->incarnation, n->last_life,
	    n->warnings);
	field_text(out, "host", bytes_str(n->host));
	field_text(out, "run", bytes_str(n->run));
	buf_str(out, "\"escalatedBy\":\"escalate-dead\"}");
}

bool
ledger_adopt(struct bytes value, const struct ledger_new *n, bool keep_new_id, struct buf *out)
{
	struct buf new_id = { 0 };
	char incarnation[24], now[24];
	bool ok;
	struct record_field fields[] = {
		{ "status", "\"in_progress\"" },
		{ "incarnation", incarnation },
		{ "adoptedBy", "\"escalate-dead\"" },
		{ "adoptedAt", now },
		{ "newCoordinatorId", NULL },
	};

	snprintf(incarnation, sizeof(incarnation), "%" PRId64, n->incarnation);
	snprintf(now, sizeof(now), "%" PRId64, n->now);
	record_quote(&new_id, n->new_id);
	fields[4].json = buf_cstr(&new_id);
	ok = fields[4].json != NULL &&
	    record_splice(value, fields, keep_new_id ? 4 : 5, out);
	buf_free(&new_id);
	return ok;
}

bool
ledger_spawned(struct bytes value, int64_t now, struct buf *out)
{
	char text[24];
	const struct record_field fields[] = {
		{ "status", "\"spawned\"" },
		{ "spawnedAt", text },
	};

	snprintf(text, sizeof(text), "%" PRId64, now);
	return record_splice(value, fields, 2, out);
}

bool
ledger_reopen(struct bytes value, int64_t now, int64_t incarnation, struct buf *out)
{
	char when[24], number[24];
	const struct record_field fields[] = {
		{ "status", "\"spawned\"" },
		{ "incarnation", number },
		{ "reopenedAt", when },
	};

	snprintf(when, sizeof(when), "%" PRId64, now);
	snprintf(number, sizeof(number), "%" PRId64, incarnation);
	return record_splice(value, fields, 3, out);
}

bool
ledger_cancelling(struct bytes value, int64_t now, bool by_person, struct buf *out)
{
	char text[24];
	const struct record_field fields[] = {
		{ "status", "\"cancelling\"" },
		{ "cancelledAt", text },
		{ "cancelledBy", by_person ? "\"person\"" : "\"recovery\"" },
	};

	snprintf(text, sizeof(text), "%" PRId64, now);
	return record_splice(value, fields, 3, out);
}

bool
ledger_complete(struct bytes value, int64_t now, int64_t moved, int64_t left,
    const char *unchanged, struct buf *out)
{
	char when[24], moved_text[24], left_text[24];
	const struct record_field fields[] = {
		{ "status", "\"complete\"" },
		{ "completedAt", when },
		{ "workMoved", moved_text },
		{ "workLeft", left_text },
		{ "workUnchanged", unchanged },
	};

	snprintf(when, sizeof(when), "%" PRId64, now);
	snprintf(moved_text, sizeof(moved_text), "%" PRId64, moved);
	snprintf(left_text, sizeof(left_text), "%" PRId64, left);
	return record_splice(value, fields, 5, out);
}

void
ledger_spawn_request(const struct ledger_new *n, int64_t moved, struct buf *out)
{

	buf_char(out, '{');
	field_id(out, "newCoordinatorId", n->new_id);
	field_id(out, "replacesCoordinatorId", n->id);
	field_text(out, "swarmId", n->swarms[0]);
	buf_printf(out, "\"timestamp\":%" PRId64
	    ",\"status\":\"pending\",\"priority\":\"high\",\"workItems\":%" PRId64 "}", n->now, moved);
}

bool
ledger_recount(struct bytes request, int64_t moved, struct buf *out)
{
	struct record *record;
	const char *why;
	char text[24];
	int64_t n = -1;

	if (!ledger_spawn_pending(request) || (record = record_parse(request, &why)) == NULL)
		return false;
	(void)record_integer(record, "workItems", &n);
	record_free(record);
	snprintf(text, sizeof(text), "%" PRId64, moved);
	return n != moved && record_splice(request, &(struct record_field){ "workItems", text }, 1, out);
}

void
ledger_message(const struct ledger_new *n, int64_t moved, struct buf *out)
{

	buf_str(out, "{\"action\":\"spawn_replacement\",");
	field_id(out, "deadCoordinatorId", n->id);
	field_id(out, "newCoordinatorId", n->new_id);
	field_text(out, "swarmId", n->swarms[0]);
	buf_printf(out, "\"timestamp\":%" PRId64 ",\"workItems\":%" PRId64 "}", n->now, moved);
}

void
ledger_channel(struct bytes swarm, struct buf *out)
{

	buf_str(out, "swarm:");
	buf_bytes(out, swarm);
	buf_str(out, ":coordinator:dead");
}

bool
ledger_spawn_pending(struct bytes value)
{
	struct record *record;
	struct bytes status;
	const char *why;
	bool pending;

	if ((record = record_parse(value, &why)) == NULL)
		return false;
	pending = record_text(record, "status", &status) && bytes_equal(status, B("pending"));
	record_free(record);
	return pending;
}

bool
ledger_is_request(struct bytes value, struct bytes new_id)
{
	struct record *record;
	struct bytes text;
	const char *why;
	bool is;

	if ((record = record_parse(value, &why)) == NULL)
		return false;
	is = record_text(record, "status", &text) &&
	    (!record_text(record, "newCoordinatorId", &text) || bytes_equal(text, new_id));
	record_free(record);
	return is;
}
