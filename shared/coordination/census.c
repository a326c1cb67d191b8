#include "coordination/census.h"

#include <stdlib.h>
#include <string.h>

#include "coordination/keys.h"

struct asking {
	struct census *census;
	struct error *error;
	int failed;
};

static void
on_exists(void *ctx, size_t tag, const struct reply *r)
{
	struct asking *a = ctx;
	int64_t there;

	if (!reply_integer(r, &there)) {
		if (a->failed == 0)
			a->failed = reply_fail(r, a->error, "EXISTS of a heartbeat");
	} else if (there == 0) {
		a->census->gone++;
		a->census->left += tag != 0;
	} else
		a->census->alive++;
}

static int
drain(struct client *c, struct asking *a)
{
	if (client_drain(c) != 0) {
		*a->error = *client_error(c);
		return -1;
	}
	return a->failed;
}

int
census_take(struct client *c, const struct roster *roster, const struct baseline *before,
    struct census *census, struct error *e)
{
	struct asking asking = { .census = census, .error = e };
	struct buf key = { 0 };
	struct bytes id;
	void *value;
	size_t at = 0;
	int outcome = 0;

	*census = (struct census){ 0 };
	while (outcome == 0 && map_next(roster->entries, &at, &id, &value)) {
		const struct roster_entry *entry = value;
		const bool was_alive = before != NULL && entry->known &&
		    entry->first_sight <= before->at && entry->last_seen >= before->began;
		const bool known = was_alive &&
		    (entry->state == ROSTER_KNOWN || entry->state == ROSTER_SUSPECT);

		if (known)
			census->known++;
		else if (was_alive && entry->since > before->at && !entry->seen_now)
			census->over++;
		/* An activity record alone is no heartbeat: it outlives its writer by minutes. */
		if (entry->seen_now && entry->heartbeat != 0) {
			census->alive++;
			census->came += before != NULL && entry->first_sight > before->at &&
			    entry->last_life > entry->first_sight;
		} else if (known) {
			buf_reset(&key);
			key_make(&key, FAMILY_HEARTBEAT, id);
			if (key.failed || CLIENT_ADD(c, CLIENT_REPEAT, on_exists, &asking,
			        entry->state == ROSTER_KNOWN && roster_left(entry), B("EXISTS"),
			        buf_view(&key)) != 0)
				outcome = error_set(e, EX_SOFTWARE, "out of memory");
			else if (client_pending(c) >= 100)
				outcome = drain(c, &asking);
		}
	}
	if (outcome == 0)
		outcome = drain(c, &asking);
	buf_free(&key);
	return outcome;
}

struct brake
census_judge(const struct census *census, struct client *c, const struct baseline *before,
    int64_t now, int64_t restart_grace_ms, int mass_loss, int64_t roster_keep_ms)
{
	const struct server_info *server = client_server(c);
	struct baseline expected;
	const struct brake_limits l = {
		.restart_grace = restart_grace_ms,
		.mass_loss = mass_loss,
		.roster_keep = roster_keep_ms,
	};
	const bool restarted = before != NULL && strcmp(before->run_id, server->run_id) != 0 &&
	    server->uptime_s * 1000 < restart_grace_ms;

	if (before != NULL) {
		expected = *before;
		expected.alive -= census->over;
	}
	return brake_judge(before != NULL ? &expected : NULL, server->run_id,
	    server->uptime_s * 1000, server->evicted_keys,
	    census->known, census->gone + (restarted ? census->silent : census->fell),
	    census->left < census->came ? census->left : census->came,
	    census->alive - census->silent, now, &l);
}

int
census_keep(const struct census *census, struct client *c, const char *file, int64_t began,
    int64_t now, int64_t keep_ms, struct error *e)
{
	const struct server_info *server = client_server(c);
	struct baseline b = {
		.evicted_keys = server->evicted_keys,
		.alive = census->alive - census->silent,
		.began = began,
		.at = now,
	};

	memcpy(b.run_id, server->run_id, sizeof b.run_id);
	return baseline_save(c, file, &b, keep_ms, e);
}
