#include "store.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "coordination/hash.h"
#include "redis/script.h"

/* A report that is older than this and for which there is no room was of a host that is gone. */
#define REPORT_OLD (INT64_C(30) * 24 * 3600 * 1000)

/*
 * KEYS[1] the record; ARGV: the epoch that is expected and who wrote it, the
 * deadline, may the turn be written, the new epoch, who writes; then field,
 * value; ... The write that a lost reply makes us send again finds itself done.
 * An epoch alone does not tell a record: where Redis was set back, another host
 * may have given the same one to another change.
 */
static const char put_body[] =
    "local epoch = redis.call('HGET', KEYS[1], 'epoch') or '0'\n"
    "local by = redis.call('HGET', KEYS[1], 'by') or ''\n"
    "if epoch == ARGV[5] and by == ARGV[6] then return 'done' end\n"
    "if epoch ~= ARGV[1] or by ~= ARGV[2] then return 'conflict' end\n"
    "if ARGV[3] ~= '0' then\n"
    " local t = redis.call('TIME')\n"
    " if t[1] * 1000 + math.floor(t[2] / 1000) > tonumber(ARGV[3]) then return 'late' end\n"
    "end\n"
    "for i = 7, #ARGV, 2 do\n"
    " local f = ARGV[i]\n"
    " if ARGV[4] == '1' or (f ~= 'turn' and f ~= 'turn_since') or\n"
    "   not redis.call('HGET', KEYS[1], f) then\n"
    "  redis.call('HSET', KEYS[1], f, ARGV[i + 1])\n"
    " end\n"
    "end\n"
    "redis.call('PERSIST', KEYS[1])\n"
    "return 'done'\n";

/* KEYS[1] the record; ARGV: its epoch, whose the turn is, whose it becomes, when. */
static const char turn_body[] =
    "if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end\n"
    "local turn = redis.call('HGET', KEYS[1], 'turn') or ''\n"
    "if turn == ARGV[3] then return 1 end\n"
    "if turn ~= ARGV[2] then return 0 end\n"
    "redis.call('HSET', KEYS[1], 'turn', ARGV[3], 'turn_since', ARGV[4])\n"
    "return 1\n";

static int
lost(const struct effects *x, struct error *e)
{
	*e = *client_error(x->client);
	if (e->exit == 0)
		return error_set(e, EX_UNAVAILABLE, "the reply of Redis was lost");
	return -1;
}

/* ---- the record ---- */

static int
damaged(const char *what, struct error *e)
{
	return error_set(e, EX_CRITICAL, ROTATION_KEY ": its field \"%s\" cannot be read: nothing was "
	    "done. If it was changed by hand, change it back; else DEL " ROTATION_KEY ", and the next "
	    "run puts it back from a host's copy", what);
}

static int
read_fields(const struct field f[ROTATION_FIELDS], const struct reply *reply, struct rotation *r,
    bool *there, struct error *e)
{
	const char *missing = NULL;
	struct bytes value;
	size_t i, n;

	if (hash_is_wrong_type(reply))
		return error_set(e, EX_CRITICAL, ROTATION_KEY " is no hash, so somebody else wrote it: look at "
		    "it, then move it away (RENAME) or delete it; the next run puts the record back from a "
		    "host's copy");
	if (!reply_array(reply, &n) || n != ROTATION_FIELDS)
		return reply_fail(reply, e, "HMGET " ROTATION_KEY);
	for (i = 0; i < n; i++) {
		if (reply_is_nil(reply_at(reply, i))) {
			if (!rotation_field_optional(f[i].name))
				missing = f[i].name;
			continue;
		}
		*there = true;
		if (!reply_string(reply_at(reply, i), &value) ||
		    !rotation_enter(r, bytes_str(f[i].name), value))
			return damaged(f[i].name, e);
	}
	if (!*there)
		return 0;
	if (missing != NULL)
		return damaged(missing, e);
	if (r->epoch == 0 || !rotation_whole(r))
		return damaged("phase", e);
	return 0;
}

int
store_record_read(void *ctx, struct rotation *r, bool *there, struct error *e)
{
	const struct effects *x = ctx;
	struct field names[ROTATION_FIELDS];
	struct bytes argv[ROTATION_FIELDS + 2] = { B("HMGET"), B(ROTATION_KEY) };
	struct reply *reply;
	size_t i;
	int rc;

	memset(r, 0, sizeof(*r));
	*there = false;
	if (rotation_format(r, names) == -1)
		return error_set(e, EX_SOFTWARE, "out of memory");
	for (i = 0; i < ROTATION_FIELDS; i++)
		argv[i + 2] = bytes_str(names[i].name);
	reply = client_call(x->client, CLIENT_REPEAT, ROTATION_FIELDS + 2, argv);
	rc = reply == NULL ? lost(x, e) : read_fields(names, reply, r, there, e);
	reply_free(reply);
	rotation_fields_free(names);
	return rc;
}

static int
put_result(const struct reply *reply, enum put_result *result, struct error *e)
{
	struct bytes said;

	if (reply_error(reply) != NULL || !reply_string(reply, &said))
		return reply_fail(reply, e, "writing " ROTATION_KEY);
	*result = bytes_equal(said, B("done")) ? PUT_DONE :
	    bytes_equal(said, B("late")) ? PUT_TOO_LATE : PUT_CONFLICT;
	return 0;
}

int
store_record_put(void *ctx, const struct rotation *expected, int64_t deadline,
    const struct rotation *next, bool turn, enum put_result *result, struct error *e)
{
	const struct effects *x = ctx;
	struct rotation written = *next;
	struct field f[ROTATION_FIELDS];
	struct bytes argv[7 + 2 * ROTATION_FIELDS];
	struct script script;
	struct reply *reply;
	char was[24], limit[24], epoch[24];
	size_t i, n = 0;
	int rc;

	(void)snprintf(written.by, sizeof(written.by), "%s", run_id(x->run));
	script_init(&script, "rotation-put", put_body);
	if (rotation_format(&written, f) == -1)
		return error_set(e, EX_SOFTWARE, "out of memory");
	argv[n++] = B(ROTATION_KEY);
	argv[n++] = bytes_of_int(expected == NULL ? 0 : (int64_t)expected->epoch, was);
	argv[n++] = bytes_str(expected == NULL ? "" : expected->by);
	argv[n++] = bytes_of_int(deadline, limit);
	argv[n++] = turn ? B("1") : B("0");
	argv[n++] = bytes_of_int((int64_t)next->epoch, epoch);
	argv[n++] = bytes_str(written.by);
	for (i = 0; i < ROTATION_FIELDS; i++) {
		argv[n++] = bytes_str(f[i].name);
		argv[n++] = buf_view(&f[i].value);
	}
	reply = script_call(x->client, &script, CLIENT_REPEAT, 1, n, argv);
	rc = reply == NULL ? lost(x, e) : put_result(reply, result, e);
	reply_free(reply);
	rotation_fields_free(f);
	return rc;
}

int
store_turn_put(void *ctx, uint64_t epoch, const char *from, const char *to, int64_t now,
    bool *done, struct error *e)
{
	const struct effects *x = ctx;
	struct script script;
	struct reply *reply;
	char number[24], since[24];
	struct bytes argv[] = {
		B(ROTATION_KEY), bytes_of_int((int64_t)epoch, number), bytes_str(from), bytes_str(to),
		bytes_of_int(now, since),
	};
	int64_t v = 0;
	int rc = 0;

	script_init(&script, "rotation-turn", turn_body);
	reply = script_call(x->client, &script, CLIENT_REPEAT, 1, sizeof(argv) / sizeof(argv[0]), argv);
	if (reply == NULL)
		rc = lost(x, e);
	else if (!reply_integer(reply, &v))
		rc = reply_fail(reply, e, "writing the turn of " ROTATION_KEY);
	*done = v == 1;
	reply_free(reply);
	return rc;
}

/* ---- the reports ---- */

struct reading {
	struct reports *reports;
	int64_t now;
};

/* Where a report of ${host} goes; NULL if all others are newer than one of ${time}. */
static struct report *
place(struct reading *g, const char *host, int64_t time)
{
	struct reports *all = g->reports;
	struct report *oldest = NULL;
	int64_t left_out = time;
	size_t i;

	for (i = 0; i < all->n; i++) {
		if (strcmp(all->report[i].host, host) == 0)
			return &all->report[i];
		if (oldest == NULL || all->report[i].time < oldest->time)
			oldest = &all->report[i];
	}
	if (all->n < REPORTS_MAX)
		return &all->report[all->n++];
	if (oldest->time < time)
		left_out = oldest->time;
	if (g->now - left_out < REPORT_OLD)
		all->overflow = true;
	return left_out < time ? oldest : NULL;
}

static bool
enter_report(void *ctx, struct bytes host, struct bytes value)
{
	struct reading *g = ctx;
	struct report report = { .epoch = 0 }, *to;

	if (!host_valid(host) || !report_parse(value, &report)) {
		log_event(LOG_LEVEL_WARN, "report-damaged", &host, "the report of this host in "
		    REPORTS_KEY " cannot be read and counts as none");
		return true;
	}
	memcpy(report.host, host.p, host.n);
	to = place(g, report.host, report.time);
	if (to != NULL)
		*to = report;
	return true;
}

int
store_reports_read(void *ctx, struct reports *reports, struct error *e)
{
	const struct effects *x = ctx;
	struct reading g = { reports, client_now_ms(x->client) };

	reports->n = 0;
	reports->overflow = false;
	return hash_walk(x->client, B(REPORTS_KEY), enter_report, &g, e);
}

int
store_report_put(void *ctx, const struct report *report, struct error *e)
{
	const struct effects *x = ctx;
	struct buf text = { 0 };
	struct reply *reply = NULL;
	int64_t added;
	int rc = 0;

	report_format(report, &text);
	if (text.failed)
		rc = error_set(e, EX_SOFTWARE, "out of memory");
	else if ((reply = CLIENT_CALL(x->client, CLIENT_REPEAT, B("HSET"), B(REPORTS_KEY),
	    bytes_str(report->host), buf_view(&text))) == NULL)
		rc = lost(x, e);
	else if (!reply_integer(reply, &added))
		rc = reply_fail(reply, e, "HSET " REPORTS_KEY);
	reply_free(reply);
	buf_free(&text);
	return rc;
}
