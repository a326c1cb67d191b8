#include "job/run_data.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define PREFIX "coordkeep:lease:"

/* The jobs that take a lease. */
static const char *const leased[] = { "reap-stale", "escalate-dead", "ttl-fixer" };
#define LEASED (sizeof(leased) / sizeof(leased[0]))
_Static_assert(LEASED + 1 <= RUN_LEASES, "room for the leases of all jobs and one's own");

/* Take the lease of job ${name}. */
static enum lease_result
take(struct run *r, const char *name, int64_t wait_ms, struct error *e)
{
	struct lease *l = &r->leases[r->leases_n];
	enum lease_result got;
	char key[128];

	(void)snprintf(key, sizeof(key), PREFIX "%s", name);
	got = lease_take(r->client, l, key, r->settings.job.lease_ttl, wait_ms, e);
	if (got == LEASE_HELD)
		r->leases_n++;
	else if (got == LEASE_BUSY)
		r->calm = true;
	return got;
}

int
run_take_lease(struct run *r, struct error *e)
{

	if (!run_changes(r) || r->job->no_lease)
		return 0;
	switch (take(r, r->job->name, r->settings.job.wait, e)) {
	case LEASE_HELD:
		return 0;
	case LEASE_OOM:
		if (!r->job->lease_optional)
			return error_set(e, EX_UNAVAILABLE, "the server is out of memory and refuses "
			    "writes, also that of the lease " PREFIX "%s", r->job->name);
		memset(e, 0, sizeof(*e));
		log_warn("no-lease", "the server is out of memory and refuses the lease " PREFIX
		    "%s: going on without one", r->job->name);
		return 0;
	case LEASE_BUSY:
	case LEASE_ERROR:
		break;
	}
	return -1;
}

int
run_take_all_leases(struct run *r, struct error *e)
{
	size_t i;

	if (!run_changes(r))
		return 0;
	for (i = 0; i < LEASED; i++) {
		if (strcmp(leased[i], r->job->name) == 0)
			continue;
		switch (take(r, leased[i], r->settings.job.wait, e)) {
		case LEASE_HELD:
			continue;
		case LEASE_OOM:
			return error_set(e, EX_UNAVAILABLE, "the server is out of memory and refuses "
			    "writes, also that of the lease " PREFIX "%s", leased[i]);
		case LEASE_BUSY:
		case LEASE_ERROR:
			return -1;
		}
	}
	return 0;
}

static int
lost(const struct lease *l, struct error *e)
{

	return error_set(e, EX_TEMPFAIL, "the lease %s was lost", l->key);
}

int
run_keep_lease(struct run *r, struct error *e)
{
	size_t i;

	for (i = 0; i < r->leases_n; i++)
		switch (lease_keep(r->client, &r->leases[i], e)) {
		case LEASE_HELD:
			continue;
		case LEASE_BUSY:
			return lost(&r->leases[i], e);
		case LEASE_OOM:
			return error_set(e, EX_UNAVAILABLE, "the server is out of memory and refuses "
			    "to renew the lease %s", r->leases[i].key);
		case LEASE_ERROR:
			return -1;
		}
	return 0;
}

bool
run_lease_is_due(const struct run *r)
{
	int64_t now = clock_mono_ms();
	size_t i;

	for (i = 0; i < r->leases_n; i++)
		if (now >= r->leases[i].renew_at)
			return true;
	return false;
}

int
run_retake_leases(struct run *r, struct error *e)
{
	struct lease *l;
	enum lease_result got;
	char key[sizeof(r->leases[0].key)];
	size_t i;

	for (i = 0; i < r->leases_n; i++) {
		l = &r->leases[i];
		l->renew_at = 0;
		got = lease_keep(r->client, l, e);
		if (got == LEASE_BUSY) {
			memcpy(key, l->key, sizeof(key));
			got = lease_take(r->client, l, key, r->settings.job.lease_ttl, 0, e);
		}
		if (got == LEASE_BUSY)
			return lost(l, e);
		if (got != LEASE_HELD)
			return -1;
	}
	return 0;
}

void
run_release_leases(struct run *r)
{
	size_t i;

	for (i = 0; i < r->leases_n; i++)
		lease_release(r->client, &r->leases[i]);
	r->leases_n = 0;
}
