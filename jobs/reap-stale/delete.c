#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "batch.h"

#include "base/log.h"
#include "coordination/payload.h"
#include "look.h"

/* Longer payloads are compared by their digest: hashing costs less than sending. */
#define WHOLE_MAX 4096

/* Values that go in one script call: enough that its own cost does not count, few enough that
 * others wait no longer than for a page of SCAN. What is longer or no string goes alone. */
#define GROUP 16
#define GROUP_VALUE_MAX 4096
/* In gentle mode so many calls, a page of values, are under way at most. */
#define GENTLE_CALLS 6

/*
 * For each key three arguments: what it was - its value ("s"), its DUMP ("d") or its DUMP's SHA-1
 * ("h") -, what was left of its TTL in ms, and which of the three it is. Unlink it if it still is
 * the same and its expiry has not moved later: a refresh can write the very same bytes. For each
 * key -1 gone, 0 changed, 1 unlinked, or an error.
 */
static const char unlink_unchanged[] =
    "local function unlink(key, was, pttl, form)\n"
    " local v\n"
    " if form == 's' then v = redis.pcall('GET', key) else v = redis.pcall('DUMP', key) end\n"
    " if not v then return -1 end\n"
    " if form == 'h' and type(v) == 'string' then v = redis.sha1hex(v) end\n"
    " if v ~= was then return 0 end\n"
    " if pttl ~= '-1' then\n"
    "  local t = redis.pcall('PTTL', key)\n"
    "  if type(t) ~= 'number' then return t end\n"
    "  if t == -1 or t > tonumber(pttl) then return 0 end\n"
    " end\n"
    " return redis.pcall('UNLINK', key)\n"
    "end\n"
    "local done = {}\n"
    "for i = 1, #KEYS do\n"
    " done[i] = unlink(KEYS[i], ARGV[3 * i - 2], ARGV[3 * i - 1], ARGV[3 * i])\n"
    "end\n"
    "return done\n";

struct deleter *
deleter_new(struct reap *r, struct error *e)
{
	struct deleter *d = calloc(1, sizeof *d);

	if (d == NULL || script_init(&d->script, "unlink-unchanged", unlink_unchanged) != 0) {
		free(d);
		error_set(e, EX_SOFTWARE, "out of memory");
		return NULL;
	}
	d->reap = r;
	return d;
}

static void
empty(struct deleter *d)
{
	for (size_t i = 0; i < d->n; i++) {
		free((void *)(uintptr_t)d->items[i].key.p);
		free((void *)(uintptr_t)d->items[i].bytes.p);
	}
	d->n = 0;
	d->bytes = 0;
}

void
deleter_free(struct deleter *d)
{
	struct error ignored;

	if (d == NULL)
		return;
	empty(d);
	journal_close(d->journal, &ignored);
	buf_free(&d->path);
	buf_free(&d->payload);
	free(d->items);
	free(d);
}

bool
deleter_full(const struct deleter *d)
{
	return d->n >= BATCH_KEYS || d->bytes >= BATCH_BYTES;
}

const char *
deleter_journal_path(const struct deleter *d)
{
	return d->path.n > 0 ? d->path.p : NULL;
}

static int
write_intent(struct deleter *d, const struct item *item, int64_t now, struct error *e)
{
	struct bytes payload = item->bytes;

	if (item->form == FORM_STRING) {
		buf_reset(&d->payload);
		if (!payload_of_string(item->bytes, &d->payload))
			return error_set(e, EX_SOFTWARE, "out of memory");
		payload = buf_view(&d->payload);
	}
	return journal_intent(d->journal, item->key, payload, item->pttl < 0 ? 0 : now + item->pttl,
	    item->owner != NULL ? item->owner->id : B(""),
	    item->owner != NULL ? item->owner->verdict : "reset", e);
}

static int
write_intents(struct deleter *d, int64_t now, struct error *e)
{
	struct reap *r = d->reap;
	const struct server_info *server = client_server(r->client);
	const struct journal_options o = {
		.dir = r->settings->reap_stale.undo_dir,
		.job = "reap-stale",
		.run = run_id(r->run),
		.keep_ms = r->settings->reap_stale.undo_keep,
		.max_bytes = r->settings->reap_stale.undo_max_bytes,
		.db = run_db(r->run),
		.server_version = server->version,
		.server_run_id = server->run_id,
	};

	if (d->journal == NULL) {
		if ((d->journal = journal_open(&o, e)) == NULL)
			return -1;
		buf_str(&d->path, journal_path(d->journal));
		if (buf_cstr(&d->path) == NULL)
			return error_set(e, EX_SOFTWARE, "out of memory");
	}
	for (size_t i = 0; i < d->n; i++)
		if (batch_is_due(&d->items[i]) && write_intent(d, &d->items[i], now, e) != 0)
			return -1;
	return journal_commit(d->journal, e);
}

static void
note_deleted(struct item *item)
{
	if (item->owner == NULL)
		return;
	item->owner->deleted++;
	item->owner->heartbeat_gone |= item->family == FAMILY_HEARTBEAT;
}

static const char *
outcome_of(struct deleter *d, struct item *item, const struct reply *r)
{
	struct result *result = d->reap->result;
	int64_t v;

	if (r == NULL) {
		if (item->owner != NULL)
			item->owner->failed = true;
		result_failed(result, "delete-unknown", item->key,
		    "the reply was lost: whether it was deleted is unknown; the journal has it");
		return NULL;
	}
	if (!reply_integer(r, &v)) {
		deleter_give_up(d, item, r, "delete-failed", "UNLINK");
		return "failed";
	}
	if (v == 1) {
		note_deleted(item);
		result_count(result, "keys-deleted", 1);
		result_action(result, "unlink", item->key, "%s", family_name(item->family));
		return "deleted";
	}
	if (v == 0) {
		result_count(result, "keys-changed-meanwhile", 1);
		log_event(LOG_LEVEL_DEBUG, "changed", &item->key, "left: it changed meanwhile");
		return "changed";
	}
	result_count(result, "keys-gone-meanwhile", 1);
	return "gone";
}

static int
sha1_hex(struct bytes s, char out[41])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n = 0;
	struct buf hex = { 0 };

	if (EVP_Digest(s.p, s.n, digest, &n, EVP_sha1(), NULL) != 1)
		return -1;
	buf_hex(&hex, digest, n);
	if (hex.failed || hex.n != 40) {
		buf_free(&hex);
		return -1;
	}
	memcpy(out, hex.p, 41);
	buf_free(&hex);
	return 0;
}

static void on_unlink(void *ctx, size_t tag, const struct reply *r);

/* One script call for ${n} items from ${first} on. */
static int
queue_unlink(struct deleter *d, size_t first, size_t n)
{
	struct bytes argv[4 * GROUP];
	char pttl[GROUP][24], sha1[41]; /* a digest goes alone */

	for (size_t i = 0; i < n; i++) {
		const struct item *item = &d->items[first + i];
		const bool digest = item->form == FORM_DUMP && item->bytes.n > WHOLE_MAX;
		struct bytes *was = &argv[n + 3 * i];

		if (digest && sha1_hex(item->bytes, sha1) != 0)
			return -1;
		argv[i] = item->key;
		was[0] = digest ? (struct bytes){ sha1, 40 } : item->bytes;
		was[1] = bytes_of_int(item->pttl, pttl[i]);
		was[2] = item->form == FORM_STRING ? B("s") : digest ? B("h") : B("d");
	}
	d->items[first].together = n;
	return script_add(d->reap->client, &d->script, CLIENT_ONCE, on_unlink, d, first, n, 4 * n,
	    argv);
}

/* ${tag} is the first item of a script call; a reply for each. */
static void
on_unlink(void *ctx, size_t tag, const struct reply *r)
{
	struct deleter *d = ctx;
	const size_t n = d->items[tag].together;
	const char *outcome;
	size_t replies;

	for (size_t i = 0; i < n; i++) {
		struct item *item = &d->items[tag + i];

		/* Refused as a whole, so none of it was done. One key may be the cause: each alone. */
		if (n > 1 && reply_error(r) != NULL && queue_unlink(d, tag + i, 1) == 0)
			continue;
		outcome = outcome_of(d, item, reply_array(r, &replies) ? reply_at(r, i) : r);
		if (outcome != NULL && journal_result(d->journal, item->key, outcome, &d->error) != 0)
			d->failed = true;
	}
}

static bool
goes_alone(const struct item *item)
{
	return item->form != FORM_STRING || item->bytes.n > GROUP_VALUE_MAX;
}

/* Bring those that are to go to the front: *n. What the last look saved gets its word in the journal. */
static int
choose(struct deleter *d, size_t *n, struct error *e)
{
	*n = 0;
	for (size_t i = 0; i < d->n; i++) {
		const struct item item = d->items[i];

		if (!batch_is_due(&item))
			continue;
		if (item.owner != NULL &&
		    (item.owner->revived ||
		        (item.family == FAMILY_HEARTBEAT && item.owner->failed))) {
			if (journal_result(d->journal, item.key, "changed", e) != 0)
				return -1;
			continue;
		}
		d->items[i] = d->items[*n];
		d->items[(*n)++] = item;
	}
	return 0;
}

static int
delete_batch(struct deleter *d, int64_t now, struct error *e)
{
	const bool gentle = d->reap->settings->scan.mode != SCAN_FAST;
	struct client *c = d->reap->client;
	size_t n, first, together;
	int outcome = 0;

	if (!d->loaded && script_load(c, &d->script, e) != 0)
		return -1;
	d->loaded = true;
	if (batch_look_again(d, now, e) != 0 || choose(d, &n, e) != 0)
		return -1;
	for (first = 0; first < n && outcome == 0; first += together) {
		together = 1;
		while (!goes_alone(&d->items[first]) && together < GROUP && first + together < n &&
		    !goes_alone(&d->items[first + together]))
			together++;
		if (queue_unlink(d, first, together) != 0)
			outcome = error_set(e, EX_SOFTWARE, "out of memory");
		else if (gentle && client_pending(c) >= GENTLE_CALLS && (outcome = client_drain(c)) != 0)
			*e = *client_error(c);
	}
	/* In any case: the callbacks need the items. And the results need no fsync of their own: an
	 * entry without one is restored too. */
	if (client_drain(c) != 0 && outcome == 0) {
		*e = *client_error(c);
		outcome = -1;
	}
	return outcome;
}

static void
pretend(struct deleter *d)
{
	for (size_t i = 0; i < d->n; i++) {
		struct item *item = &d->items[i];

		if (!batch_is_due(item) ||
		    (item->family == FAMILY_HEARTBEAT && item->owner != NULL && item->owner->failed))
			continue;
		note_deleted(item);
		result_count(d->reap->result, "keys-to-delete", 1);
		result_action(d->reap->result, "unlink", item->key, "%s",
		    family_name(item->family));
	}
}

int
deleter_flush(struct deleter *d, struct error *e)
{
	const int64_t now = run_now(d->reap->run);
	bool any = false;
	int outcome = 0;

	if (client_drain(d->reap->client) != 0) {
		*e = *client_error(d->reap->client);
		outcome = -1;
	} else if (d->failed) {
		*e = d->error;
		outcome = -1;
	} else {
		batch_leave_newer(d, now);
		for (size_t i = 0; i < d->n; i++)
			any = any || batch_is_due(&d->items[i]);
		if (any && run_dry(d->reap->run))
			pretend(d);
		else if (any && (run_keep_lease(d->reap->run, e) != 0 ||
		                     batch_still_allowed(d, now, e) != 0))
			outcome = -1;
		else if (any && (outcome = write_intents(d, now, e)) == 0)
			outcome = delete_batch(d, now, e);
	}
	if (outcome == 0 && d->failed) {
		*e = d->error;
		outcome = -1;
	}
	empty(d);
	return outcome;
}

int
deleter_close(struct deleter *d, struct error *e)
{
	int outcome = journal_close(d->journal, e);

	d->journal = NULL;
	return outcome;
}
