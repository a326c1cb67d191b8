#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "orphans.h"

/* "v1 <digest> <since>", both decimal; anything else counts as never seen. */
static void
parse(struct bytes text, struct orphan *orphan)
{
	const size_t space = bytes_find(text, ' ', 3);
	uint64_t digest, since;

	if (bytes_starts(text, B("v1 ")) && space < text.n &&
	    bytes_to_u64((struct bytes){ text.p + 3, space - 3 }, &digest) &&
	    bytes_to_u64(bytes_from(text, space + 1), &since) && since < INT64_MAX) {
		orphan->before = digest;
		orphan->since = (int64_t)since;
	}
}

int
orphans_load(struct orphans *o, struct error *e)
{
	char cursor[24] = "0";
	int outcome = 0;

	do {
		struct reply *r = CLIENT_CALL(o->reap->client, CLIENT_REPEAT, B("HSCAN"),
		    B(ORPHANS_KEY), bytes_str(cursor), B("COUNT"), B("500"));
		const struct reply *fields = NULL;
		struct bytes next = { 0 }, id, text;
		size_t n = 0;

		if (r == NULL || !reply_string(reply_at(r, 0), &next) || next.n >= sizeof cursor ||
		    (fields = reply_at(r, 1)) == NULL || !reply_array(fields, &n))
			outcome = reply_fail(r, e, "HSCAN %s", ORPHANS_KEY);
		for (size_t i = 0; outcome == 0 && i + 1 < n; i += 2) {
			struct orphan *orphan;

			if (!reply_string(reply_at(fields, i), &id) ||
			    !reply_string(reply_at(fields, i + 1), &text))
				continue;
			if ((orphan = map_put(o->ids, id, NULL)) == NULL)
				outcome = error_set(e, EX_SOFTWARE, "out of memory");
			else
				parse(text, orphan);
		}
		if (outcome == 0 && next.n > 0) {
			memcpy(cursor, next.p, next.n);
			cursor[next.n] = '\0';
		}
		reply_free(r);
	} while (outcome == 0 && strcmp(cursor, "0") != 0);
	return outcome;
}

int
orphans_remember(struct orphans *o, struct bytes id, const struct orphan *orphan,
    struct error *e)
{
	struct reply *r;
	char text[64];
	int outcome = 0;
	int64_t v;

	if (orphan->keys == 0)
		r = CLIENT_CALL(o->reap->client, CLIENT_REPEAT, B("HDEL"), B(ORPHANS_KEY), id);
	else {
		snprintf(text, sizeof text, "v1 %" PRIu64 " %" PRId64, orphan->digest, orphan->since);
		r = CLIENT_CALL(o->reap->client, CLIENT_REPEAT, B("HSET"), B(ORPHANS_KEY), id,
		    bytes_str(text));
	}
	if (!reply_integer(r, &v))
		outcome = reply_fail(r, e, "writing %s", ORPHANS_KEY);
	reply_free(r);
	return outcome;
}

int
orphans_keep(struct orphans *o, struct error *e)
{
	char keep[24];
	struct reply *r = CLIENT_CALL(o->reap->client, CLIENT_REPEAT, B("PEXPIRE"), B(ORPHANS_KEY),
	    bytes_of_int(o->reap->settings->liveness.roster_keep, keep));
	int outcome = 0;
	int64_t v;

	if (!reply_integer(r, &v))
		outcome = reply_fail(r, e, "PEXPIRE %s", ORPHANS_KEY);
	reply_free(r);
	return outcome;
}
