#include "phase.h"

#include <string.h>

/* Where each host stands, by its report. */

/* All but the hosts' own lists. */
static enum standing
report_standing(const struct rotation *r, const struct report *report,
    const struct phase_settings *s, int64_t now)
{
	enum standing standing;

	if (report == NULL)
		return STANDING_ABSENT;
	standing = phase_freshness(report, s, now);
	if (standing != STANDING_GOOD)
		return standing;
	if (report->rival > 0 && now - report->rival < s->host_timeout)
		return STANDING_TWICE;
	if (report->epoch != r->epoch)
		return STANDING_EPOCH;
	return phase_state_standing(r, &report->state);
}

int64_t
phase_rival(const struct report *last, const char *boot, int64_t booted)
{
	if (last == NULL || last->boot[0] == '\0' || boot[0] == '\0')
		return 0;
	if (strcmp(last->boot, boot) != 0 && last->time > booted)
		return last->time;
	return last->rival;
}

/* A list in some host's config that names a host which nobody hears of is a
 * host that may run something. The list has to be that of the start, or name
 * just those that have to agree: so a list that is mended on the way, or cut
 * after an exclusion, does no harm. */
static void
check_lists(const struct rotation *r, struct census *c)
{
	char all[FINGERPRINT_SIZE] = "";
	struct census_row *row;
	struct hosts hosts = { 0 };
	size_t i;

	for (i = 0; i < c->n && i < HOSTS_MAX; i++)
		memcpy(hosts.name[hosts.n++], c->row[i].host, HOST_SIZE);
	for (i = 0; i < c->n; i++) {
		row = &c->row[i];
		if (row->standing != STANDING_GOOD && row->standing != STANDING_FILE &&
		    row->standing != STANDING_PROCESS && row->standing != STANDING_UNKNOWN)
			continue;
		if (strcmp(row->report->list, r->list) == 0)
			continue;
		if (all[0] == '\0' && hosts_digest(&hosts, all) == -1)
			all[0] = '?';
		if (strcmp(row->report->list, all) != 0)
			row->standing = STANDING_LIST;
	}
}

static void
census_add(struct census *c, const char *host, const struct report *report,
    enum standing standing, bool listed)
{
	c->row[c->n++] = (struct census_row){ host, report, standing, listed };
}

void
phase_census(const struct rotation *r, const struct reports *reports,
    const struct phase_settings *s, int64_t now, struct census *c)
{
	const struct report *report;
	size_t i;

	c->n = c->good = 0;
	for (i = 0; i < r->hosts.n; i++) {
		report = reports_find(reports, r->hosts.name[i]);
		census_add(c, r->hosts.name[i], report, report_standing(r, report, s, now), true);
	}
	for (i = 0; i < reports->n; i++) {
		report = &reports->report[i];
		if (hosts_find(&r->hosts, report->host) < r->hosts.n ||
		    phase_freshness(report, s, now) == STANDING_LATE)
			continue;
		census_add(c, report->host, report, report_standing(r, report, s, now), false);
	}
	check_lists(r, c);
	for (i = 0; i < c->n; i++) {
		if (c->row[i].standing == STANDING_GOOD)
			c->good++;
	}
}
