#include <inttypes.h>

#include "audit.h"
#include "base/duration.h"
#include "watch.h"

/* The result for a person: one line, and with -v the tables behind it. */

#define ROWS 100

static const char *
text_of(struct buf *b)
{
	return b->failed ? "?" : buf_cstr(b);
}

static void
offset_text(struct buf *out, int64_t offset, int64_t error)
{
	audit_amount(out, offset, true);
	buf_str(out, " ± ");
	audit_error(out, error, offset);
}

static void
say_summary(const struct audit *a)
{
	const struct clock_offset *o = &a->measured.offset;
	const int64_t n = a->survey.heartbeats;
	struct buf line = { 0 };

	buf_str(&line, "offset ");
	if (o->valid)
		offset_text(&line, o->offset, o->error);
	else
		buf_str(&line, "unknown");
	buf_printf(&line, ", %s", sync_name(a->kernel.state));
	if (n == 0) {
		buf_str(&line, ", no coordinators");
	} else {
		buf_printf(&line, ", %" PRId64 " coordinator%s, largest skew ", n,
		    n == 1 ? "" : "s");
		audit_amount(&line, a->survey.largest > INT64_MAX / 1000 ? INT64_MAX :
		    a->survey.largest * 1000, false);
	}
	result_say(a->result, "%s", text_of(&line));
	buf_free(&line);
}

static void
say_measurement(const struct audit *a)
{
	const struct clock_offset *o = &a->measured.offset;
	struct buf line = { 0 };

	if (o->valid) {
		buf_printf(&line, "shortest round trip ");
		audit_amount(&line, o->round_trip, false);
		buf_printf(&line, ", %zu exchanges", a->measured.taken);
		result_say(a->result, "  %s", text_of(&line));
		buf_reset(&line);
	}
	if (a->kernel.state != SYNC_UNKNOWN) {
		buf_str(&line, "the kernel's estimated error ");
		audit_amount(&line, a->kernel.estimated_error, false);
		buf_str(&line, ", at most ");
		audit_amount(&line, a->kernel.maximum_error, false);
		result_say(a->result, "  %s", text_of(&line));
	}
	buf_free(&line);
}

static void
say_host(const struct audit *a, size_t i)
{
	const struct fleet_report *r = &a->fleet.reports[i];
	struct buf name = { 0 }, offset = { 0 };
	char age[32];

	buf_escaped(&name, r->host, 64);
	offset_text(&offset, r->offset, r->error);
	duration_human(a->now > r->at ? a->now - r->at : 0, age, sizeof(age));
	result_say(a->result, "  %-30s %-24s %s%s", text_of(&name), text_of(&offset),
	    a->fleet.has_own && i == a->fleet.own ? "this host" : age,
	    a->fleet.has_own && i == a->fleet.own ? "" : " ago");
	buf_free(&name);
	buf_free(&offset);
}

static void
say_hosts(const struct audit *a)
{
	struct buf amount = { 0 };
	size_t i;

	if (a->fleet.n == 0)
		return;
	result_say(a->result, "Hosts, offset from Redis:");
	for (i = 0; i < a->fleet.n && i < ROWS; i++)
		say_host(a, i);
	if (a->fleet.n > ROWS)
		result_say(a->result, "  and %zu more", a->fleet.n - ROWS);
	if (a->fleet.old + a->fleet.elsewhere + a->fleet.corrupt + a->fleet.before_step > 0)
		result_say(a->result, "  not compared: %zu too old, %zu measured against another "
		    "server, %zu not readable, %zu from before the server's clock was set",
		    a->fleet.old, a->fleet.elsewhere, a->fleet.corrupt, a->fleet.before_step);
	if (a->pair.found) {
		audit_amount(&amount, a->pair.difference, false);
		buf_str(&amount, " ± ");
		audit_error(&amount, a->pair.error, a->pair.difference);
		result_say(a->result, "  largest difference: %s", text_of(&amount));
	}
	buf_free(&amount);
}

static void
say_writers(const struct audit *a)
{
	struct buf name = { 0 }, what = { 0 };
	size_t i;

	if (a->writers_n == 0)
		return;
	result_say(a->result, "Writers whose times cannot be right:");
	for (i = 0; i < a->writers_n && i < ROWS; i++) {
		const struct named_writer *n = &a->writers[i];

		buf_reset(&name);
		buf_reset(&what);
		buf_escaped(&name, n->id, 64);
		if (n->writer->skewed) {
			skew_describe(n->writer->skew, &what);
			buf_printf(&what, " (%s)", n->writer->where);
		}
		if (n->writer->seconds > 0)
			buf_printf(&what, "%swrites seconds", what.n > 0 ? ", " : "");
		if (n->writer->unreadable > 0)
			buf_printf(&what, "%s%s", what.n > 0 ? ", " : "", n->writer->why);
		result_say(a->result, "  %-30s %s", text_of(&name), text_of(&what));
	}
	if (a->writers_n > ROWS)
		result_say(a->result, "  and %zu more", a->writers_n - ROWS);
	buf_free(&name);
	buf_free(&what);
}

/* Why a run took longer, and what to make of old heartbeats. */
static void
say_silent(const struct audit *a)
{
	const struct survey *s = &a->survey;

	if (s->silent > 0)
		result_say(a->result, "%" PRId64 " old heartbeat%s not written while watched: "
		    "silent, whatever the clock (reap-stale, escalate-dead)", s->silent,
		    s->silent == 1 ? " was" : "s were");
}

/* What was not looked at is said in any case. */
static void
say_unwatched(const struct audit *a)
{
	const int64_t n = a->survey.old - WATCH_MAX;

	if (n > 0)
		result_say(a->result, "%" PRId64 " further old heartbeat%s not watched", n,
		    n == 1 ? " was" : "s were");
}

void
audit_text(const struct audit *a)
{
	say_summary(a);
	if (run_verbose(a->run)) {
		say_measurement(a);
		say_hosts(a);
		say_writers(a);
		say_silent(a);
	}
	say_unwatched(a);
}
