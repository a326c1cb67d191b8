#include "fleet.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* A year in us: no clock that works is off by more. */
#define OFFSET_MAX (INT64_C(366) * 86400 * 1000000)
/* ms; no sum overflows. */
#define AT_MAX INT64_C(100000000000000000)
/* A server's clock and a host's that part by more between two reports were not only drifting. */
#define STEP_MS 1000
#define DRIFT_DIVISOR 1000
/* How far ahead of now a report can be by two runs' views of one clock. */
#define AHEAD_MS 5000

void
fleet_format(const struct fleet_report *r, struct buf *out)
{
	buf_printf(out, "%" PRId64 " %" PRId64 " %" PRId64 " %s %" PRId64 " %" PRId64, r->offset,
	    r->error, r->at, r->reference, r->since, r->mono);
}

/* Cut the next word, up to one space or the end, off ${s}. */
static struct bytes
word(struct bytes *s)
{
	size_t end = bytes_find(*s, ' ', 0);
	struct bytes w = { s->p, end };

	*s = bytes_from(*s, end + 1);
	return w;
}

static bool
number(struct bytes *s, bool may_be_negative, int64_t most, int64_t *v)
{
	struct bytes w = word(s);
	bool negative = may_be_negative && w.n > 0 && w.p[0] == '-';
	uint64_t u;

	if (!bytes_to_u64(negative ? bytes_from(w, 1) : w, &u) || u > (uint64_t)most)
		return false;
	*v = negative ? -(int64_t)u : (int64_t)u;
	return true;
}

bool
fleet_parse(struct bytes value, struct fleet_report *r)
{
	struct bytes reference;
	size_t i;

	if (!number(&value, true, OFFSET_MAX, &r->offset) ||
	    !number(&value, false, OFFSET_MAX, &r->error) ||
	    !number(&value, false, AT_MAX, &r->at))
		return false;
	reference = word(&value);
	r->since = r->mono = 0;
	if (value.n > 0 && (!number(&value, false, AT_MAX, &r->since) ||
	    !number(&value, false, AT_MAX, &r->mono)))
		return false;
	if (reference.n > FLEET_REFERENCE || value.n > 0)
		return false;
	for (i = 0; i < reference.n; i++)
		if (!isxdigit((unsigned char)reference.p[i]))
			return false;
	memset(r->reference, 0, sizeof(r->reference));
	if (reference.n > 0)
		memcpy(r->reference, reference.p, reference.n);
	return true;
}

enum fleet_use
fleet_use(const struct fleet_report *r, const char *reference, int64_t now, int64_t ttl)
{
	if (r->at - now > ttl)
		return FLEET_FUTURE;
	if (now - r->at > ttl || r->at - now > AHEAD_MS)
		return FLEET_OLD;
	if (r->reference[0] != '\0' && reference[0] != '\0' &&
	    strncmp(r->reference, reference, FLEET_REFERENCE) != 0)
		return FLEET_ELSEWHERE;
	return FLEET_FRESH;
}

void
fleet_continue(struct fleet_report *own, const struct fleet_report *before)
{
	int64_t by_server = own->at - before->at, by_host = own->mono - before->mono;

	if (strcmp(own->reference, before->reference) != 0)
		return;
	own->since = before->since > own->at ? 0 : before->since;
	/* It does not say, or this host was started anew. */
	if (before->mono == 0 || by_host < 0)
		return;
	if (llabs(by_server - by_host) > STEP_MS + by_host / DRIFT_DIVISOR)
		own->since = own->at;
}

size_t
fleet_steady(struct fleet_report *reports, size_t n, const struct fleet_report *own)
{
	int64_t since = own == NULL ? 0 : own->since;
	size_t i, kept = 0;

	for (i = 0; i < n; i++)
		if (reports[i].since > since)
			since = reports[i].since;
	for (i = 0; i < n; i++)
		if (reports[i].at >= since)
			reports[kept++] = reports[i];
	return kept;
}

static struct fleet_pair
pair_of(const struct fleet_report *reports, size_t ahead, size_t behind)
{
	struct fleet_pair p = { .found = true, .ahead = ahead, .behind = behind };

	p.difference = reports[ahead].offset - reports[behind].offset;
	p.error = reports[ahead].error + reports[behind].error;
	p.certain = p.difference > p.error ? p.difference - p.error : 0;
	return p;
}

struct fleet_pair
fleet_worst(const struct fleet_report *reports, size_t n)
{
	struct fleet_pair p = { .found = false };
	size_t i, first = 0, last = 0, most = 0, least = 0;

	if (n < 2)
		return p;
	/* Certain: the one whose interval begins last, and the one whose ends first. */
	for (i = 1; i < n; i++) {
		const struct fleet_report *r = &reports[i];

		if (r->offset - r->error > reports[last].offset - reports[last].error)
			last = i;
		if (r->offset + r->error < reports[first].offset + reports[first].error)
			first = i;
		if (r->offset > reports[most].offset)
			most = i;
		if (r->offset < reports[least].offset)
			least = i;
	}
	p = pair_of(reports, last, first);
	if (p.certain > 0)
		return p;
	if (most == least) /* all say the same: any two */
		least = most == 0 ? 1 : 0;
	return pair_of(reports, most, least);
}

bool
fleet_agrees(const struct fleet_report *reports, size_t n, size_t own, int64_t tolerance)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (i != own && llabs(reports[i].offset - reports[own].offset) > tolerance)
			return false;
	return n >= 3;
}
