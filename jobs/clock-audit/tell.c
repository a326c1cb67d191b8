#include <inttypes.h>
#include <stdlib.h>

#include "audit.h"
#include "base/duration.h"

/* Findings and metrics. What a limit is held against is always the part that is
 * certain: a difference less its error. */

#define LOOK "run: timedatectl status; chronyc tracking (or ntpq -p)"
#define MEND "to mend it: systemctl restart systemd-timesyncd and timedatectl set-ntp true, or " \
	"chronyc makestep"

/* What audit_amount shows is a multiple of this. */
static int64_t
step_of(int64_t size)
{
	if (size < 600 * INT64_C(1000000))
		return size < 1000000 - 50 ? 100 : 100000;
	return (size >= 86400 * INT64_C(1000000) ? 3600 : size >= 3600 * INT64_C(1000000) ? 60 : 1) *
	    INT64_C(1000000);
}

static int64_t
rounded(int64_t size)
{
	const int64_t step = step_of(size);

	return (size + step / 2) / step * step;
}

void
audit_amount(struct buf *out, int64_t us, bool with_sign)
{
	int64_t size = us < 0 ? -us : us;
	char text[32];

	if (with_sign)
		buf_char(out, us < 0 && size >= 50 ? '-' : '+');
	if (size < 1000000 - 50) {
		buf_printf(out, "%.1f ms", (double)size / 1000);
	} else if (size < 600 * INT64_C(1000000)) {
		buf_printf(out, "%.1f s", (double)size / 1000000);
	} else {
		duration_human(rounded(size) / 1000, text, sizeof(text));
		buf_str(out, text);
	}
}

/* What audit_amount rounds off at most. */
static int64_t
rounded_off(int64_t us)
{
	int64_t size = us < 0 ? -us : us;

	return llabs(size - rounded(size));
}

void
audit_error(struct buf *out, int64_t us, int64_t value)
{
	us += rounded_off(value);
	/* To the next tenth of what audit_amount shows. */
	int64_t step = us < 1000000 - 100 ? 100 : 100000;

	audit_amount(out, (us + step - 1) / step * step, false);
}

enum level { LEVEL_GOOD, LEVEL_WARN, LEVEL_CRITICAL };

static enum level
level_of(const struct audit *a, int64_t certain_us)
{
	int64_t us = certain_us < 0 ? -certain_us : certain_us;

	if (us > a->settings->clock_audit.critical * 1000)
		return LEVEL_CRITICAL;
	return us > a->settings->clock_audit.warn * 1000 ? LEVEL_WARN : LEVEL_GOOD;
}

static enum severity
severity_of(enum level l)
{
	return l == LEVEL_CRITICAL ? SEVERITY_CRITICAL : SEVERITY_WARNING;
}

static const char *
text_of(struct buf *b)
{
	return b->failed ? "?" : buf_cstr(b);
}

static void
offset_finding(struct audit *a)
{
	const struct clock_offset *o = &a->measured.offset;
	struct buf amount = { 0 }, error = { 0 };
	enum level level;

	if (!o->valid) {
		result_finding(a->result, "clock-unsteady", SEVERITY_CRITICAL, a->host,
		    "this host's clock jumped whenever it was measured: what sets it? " LOOK);
		return;
	}
	level = level_of(a, offset_certain(o->offset, o->error));
	if (level == LEVEL_GOOD)
		return;
	audit_amount(&amount, o->offset < 0 ? -o->offset : o->offset, false);
	audit_error(&error, o->error, o->offset);
	if (a->fleet.has_own && fleet_agrees(a->fleet.reports, a->fleet.n, a->fleet.own,
	    a->settings->clock_audit.warn * 1000))
		result_finding(a->result, "clock-offset", severity_of(level), a->host,
		    "this host's clock is %s %s Redis's (± %s), and so are those of the %zu other "
		    "hosts: it is the clock of the Redis server that is wrong; there, " LOOK "; "
		    MEND, text_of(&amount), o->offset < 0 ? "behind" : "ahead of",
		    text_of(&error), a->fleet.n - 1);
	else
		result_finding(a->result, "clock-offset", severity_of(level), a->host,
		    "this host's clock is %s %s Redis's (± %s); " LOOK "; " MEND,
		    text_of(&amount), o->offset < 0 ? "behind" : "ahead of", text_of(&error));
	buf_free(&amount);
	buf_free(&error);
}

static void
jump_finding(struct audit *a, const char *code, struct bytes key, const char *whose, int64_t jump)
{
	struct buf amount = { 0 };

	if (jump == 0)
		return;
	audit_amount(&amount, jump < 0 ? -jump : jump, false);
	result_finding(a->result, code, SEVERITY_WARNING, key,
	    "%s clock jumped %s by at least %s while it was being measured; what was measured before "
	    "does not count", whose, jump < 0 ? "back" : "forward", text_of(&amount));
	buf_free(&amount);
}

static void
kernel_finding(struct audit *a)
{
	if (a->kernel.state == SYNC_NO)
		result_finding(a->result, "clock-unsynchronised", SEVERITY_WARNING, a->host,
		    "the kernel says that nothing keeps this host's clock in step (chronyd needs "
		    "\"rtcsync\" to tell it otherwise); " LOOK "; " MEND);
	else if (a->kernel.state == SYNC_UNKNOWN)
		log_info("kernel-refused", "the kernel would not say whether its clock is "
		    "synchronised (adjtimex: error %d); a sandbox can allow adjtimex",
		    a->kernel.refused);
}

/* "host-a, measured 3m ago" appended. */
static void
host_said(const struct audit *a, const struct fleet_report *r, struct buf *out)
{
	char age[32];

	buf_escaped(out, r->host, 255);
	duration_human(a->now > r->at ? a->now - r->at : 0, age, sizeof(age));
	buf_printf(out, " (measured %s ago)", age);
}

static void
pair_finding(struct audit *a)
{
	const struct fleet_report *ahead, *behind;
	struct buf amount = { 0 }, error = { 0 }, names = { 0 };
	enum level level = level_of(a, a->pair.certain);

	if (!a->pair.found || level == LEVEL_GOOD)
		return;
	ahead = &a->fleet.reports[a->pair.ahead];
	behind = &a->fleet.reports[a->pair.behind];
	audit_amount(&amount, a->pair.difference, false);
	audit_error(&error, a->pair.error, a->pair.difference);
	buf_str(&names, "the clock of ");
	host_said(a, ahead, &names);
	buf_printf(&names, " is %s ahead of that of ", text_of(&amount));
	host_said(a, behind, &names);
	result_finding(a->result, "hosts-disagree", severity_of(level), ahead->host,
	    "%s (± %s): what one of them stamps and signs can look too old or not yet due to the "
	    "other; on both, " LOOK "; " MEND, text_of(&names), text_of(&error));
	buf_free(&amount);
	buf_free(&error);
	buf_free(&names);
}

static void
writer_finding(struct audit *a, const struct named_writer *n)
{
	const struct writer *w = n->writer;
	struct buf skew = { 0 };
	enum level level = level_of(a, n->skew > INT64_MAX / 1000 ? INT64_MAX : n->skew * 1000);

	if (w->skewed && level != LEVEL_GOOD) {
		skew_describe(w->skew, &skew);
		result_finding(a->result, "writer-skewed", severity_of(level), n->id,
		    "%s %s%s Redis's, by its %s%s; on its host, " LOOK,
		    w->by_heartbeat ? "its clock is" : "its clock was", text_of(&skew),
		    skew_certain(w->skew) > 0 ? " of" : "", w->where,
		    w->seconds > 0 ? " (stamped in seconds)" : "");
		buf_free(&skew);
	}
	if (w->seconds > 0)
		result_finding(a->result, "stamp-in-seconds", SEVERITY_WARNING, n->id,
		    "%" PRId64 " of its records hold seconds where milliseconds belong",
		    w->seconds);
	if (w->unreadable > 0 && w->nameless)
		result_finding(a->result, "unreadable-stamp", SEVERITY_WARNING, n->id,
		    "it %s: nobody can tell when it was written", w->why);
	else if (w->unreadable > 0)
		result_finding(a->result, "unreadable-stamp", SEVERITY_WARNING, n->id,
		    "%" PRId64 " of its records cannot be dated: one %s", w->unreadable, w->why);
}

void
audit_findings(struct audit *a)
{
	size_t i;

	offset_finding(a);
	jump_finding(a, "clock-jumped", a->host, "this host's", a->measured.local_jump);
	jump_finding(a, "server-clock-jumped", B(""), "the Redis server's",
	    a->measured.server_jump);
	kernel_finding(a);
	pair_finding(a);
	for (i = 0; i < a->writers_n; i++)
		writer_finding(a, &a->writers[i]);
}

void
audit_metrics(const struct audit *a)
{
	const struct clock_offset *o = &a->measured.offset;
	size_t i, skewed = 0;

	for (i = 0; i < a->writers_n; i++)
		if (level_of(a, a->writers[i].skew > INT64_MAX / 1000 ? INT64_MAX :
		    a->writers[i].skew * 1000) != LEVEL_GOOD)
			skewed++;
	if (o->valid) {
		result_gauge(a->result, "clock_offset_seconds",
		    "This host's clock minus the Redis server's.", (double)o->offset / 1e6);
		result_gauge(a->result, "clock_offset_error_seconds",
		    "The truth lies within the offset plus or minus this.",
		    (double)o->error / 1e6);
	}
	if (a->kernel.state != SYNC_UNKNOWN)
		result_gauge(a->result, "clock_synchronised",
		    "1 if the kernel says that its clock is synchronised.",
		    a->kernel.state == SYNC_YES ? 1 : 0);
	result_gauge(a->result, "clock_hosts",
	    "Hosts with a report that can be compared, this one among them.",
	    (double)a->fleet.n);
	result_gauge(a->result, "clock_pair_difference_seconds",
	    "The largest difference between the clocks of two hosts, less its error.",
	    (double)a->pair.certain / 1e6);
	result_gauge(a->result, "clock_writers_skewed",
	    "Writers whose clock is certainly off by more than the warn limit; a record that "
	    "names none counts as one.",
	    (double)skewed);
	result_gauge(a->result, "clock_writer_skew_max_seconds",
	    "The largest skew of a coordinator's clock that is certain.",
	    (double)a->survey.largest / 1e3);
}
