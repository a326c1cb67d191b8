#include "transfer.h"

#include "coordination/keys.h"
#include "moved.h"
#include "redis/script.h"

#define BATCH 100

/* KEYS[1]; ARGV[1] ms: what would expire sooner lives that long. (EXPIRE GT, which is of 7.0.) */
static const char keep_body[] =
    "local ttl = redis.call('PTTL', KEYS[1])\n"
    "if ttl < 0 or ttl >= tonumber(ARGV[1]) then return 0 end\n"
    "return redis.call('PEXPIRE', KEYS[1], ARGV[1])\n";

struct keeping {
	struct escalate *x;
	struct script script;
	int64_t renewed;
	struct error *e;
	bool failed;
};

/* Until the run after the next at least, however far apart they are: as long as a warning. */
static int64_t
kept_ttl(const struct escalate *x)
{

	return x->warning_ttl > WORK_TTL ? x->warning_ttl : WORK_TTL;
}

static void
on_kept(void *ctx, size_t tag, const struct reply *r)
{
	struct keeping *k = ctx;
	int64_t v;

	(void)tag;
	if (!reply_integer(r, &v)) {
		if (!k->failed)
			(void)reply_fail(r, k->e, "renewing the TTL of a work item");
		k->failed = true;
	} else if (run_dry(k->x->run))
		k->renewed += v >= 0 && v < kept_ttl(k->x); /* a PTTL */
	else
		k->renewed += v;
}

static int
keep(struct keeping *k, struct bytes key)
{
	struct client *c = k->x->client;
	char ttl[24];
	int rc;

	if (run_dry(k->x->run))
		rc = CLIENT_ADD(c, CLIENT_REPEAT, on_kept, k, 0, B("PTTL"), key);
	else
		rc = script_add(c, &k->script, CLIENT_REPEAT, on_kept, k, 0, 1, 2,
		    (struct bytes[]){ key, bytes_of_int(kept_ttl(k->x), ttl) });
	if (rc != 0)
		return error_set(k->e, EX_SOFTWARE, "out of memory");
	if (client_pending(c) >= BATCH && client_drain(c) != 0) {
		*k->e = *client_error(c);
		return -1;
	}
	return k->failed ? -1 : 0;
}

/* For how long has its work been kept? */
static int64_t
kept_for(const struct coordinator *c)
{

	/* Of these, evidence from before the state is none, and silence means nothing. */
	if (c->entry != NULL && (c->entry->state == ROSTER_ESCALATED ||
	    c->entry->state == ROSTER_RETIRED || c->entry->state == ROSTER_AWAITED))
		return run_now(c->job->run) - c->entry->since;
	return c->judgement.silence;
}

static bool
keeps(const struct coordinator *c)
{

	return course_keeps_work(c->course) &&
	    kept_for(c) <= c->job->settings->escalate_dead.work_keep;
}

struct wanting {
	const struct escalate *x;
	bool wanted;
};

static bool
on_claim(void *ctx, const struct key_claim *claim)
{
	struct wanting *k = ctx;
	const struct coordinator *c = escalate_find(k->x, claim->id);

	if (c != NULL && keeps(c))
		k->wanted = true;
	return !k->wanted;
}

int
transfer_keep(struct escalate *x, struct error *e)
{
	struct keeping k = { .x = x, .e = e };
	struct wanting claims = { .x = x };
	struct coordinator *c;
	size_t at = 0, i;
	int rc = 0;

	script_init(&k.script, "escalate-keep", keep_body);
	while (rc == 0 && (c = escalate_next(x, &at)) != NULL) {
		if (!keeps(c))
			continue;
		for (i = 0; i < c->items_n && rc == 0; i++)
			rc = keep(&k, c->items[i].key);
	}
	for (i = 0; i < x->uncertain_n && rc == 0; i++) {
		claims.wanted = false;
		key_claims(x->uncertain[i], on_claim, &claims);
		if (claims.wanted)
			rc = keep(&k, x->uncertain[i]);
	}
	if (client_drain(x->client) != 0 && rc == 0) {
		*e = *client_error(x->client);
		rc = -1;
	}
	if (k.failed)
		rc = -1;
	if (k.renewed > 0)
		result_count(x->result, "work-ttls-renewed", k.renewed);
	return rc;
}
