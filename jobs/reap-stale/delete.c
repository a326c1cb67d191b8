#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "batch.h"

#include "base/log.h"
#include "coordination/payload.h"
#include "look.h"

/* Longer payloads are compared by their digest: hashing costs less than sending. */
#define WHOLE_MAX 4096
/* An owner is looked at again if the last look is older than that. */
#define LOOK_AGAIN_MS 1000

/*
 * Unlink KEYS[1] if it still is ARGV[1] - its value (ARGV[3] "s"), its DUMP ("d") or its
 * DUMP's SHA-1 ("h") - and its expiry has not moved later than ARGV[2] ms from
 * now: a refresh can write the very same bytes. -1 gone, 0 changed, 1 unlinked.
 */
static const char unlink_unchanged[] =
    "local v\n"
    "if ARGV[3] == 's' then v = redis.pcall('GET', KEYS[1])\n"
    "else v = redis.call('DUMP', KEYS[1]) end\n"
    "if not v then return -1 end\n"
    "if ARGV[3] == 'h' then v = redis.sha1hex(v) end\n"
    "if v ~= ARGV[1] then return 0 end\n"
    "if ARGV[2] ~= '-1' then\n"
    "  local t = redis.call('PTTL', KEYS[1])\n"
    "  if t == -1 or t > tonumber(ARGV[2]) then return 0 end\n"
    "end\n"
    "return redis.call('UNLINK', KEYS[1])\n";

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

/* Has it been read, and is it to go? */
static bool
is_due(const struct item *item)
{
	return item->form == FORM_STRING || item->form == FORM_DUMP;
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

/* A heartbeat that is not as it was judged was written by one that lives. */
static void
compare(struct deleter *d, struct candidate *c, uint64_t digest, int64_t pttl)
{
	if (run_forced(d->reap->run) && d->reap->options->coordinator != NULL)
		return; /* a person asked to clean up after one that lives */
	if (c->heartbeat && digest == c->digest &&
	    (c->pttl == TTL_NONE || (pttl != TTL_NONE && pttl <= c->pttl)))
		return;
	if (!c->revived)
		log_event(LOG_LEVEL_INFO, "revived", &c->id,
		    "alive after all: its heartbeat changed since it was judged; left");
	c->revived = true;
}

/* A heartbeat that changed, and a time that is newer than the threshold: written by
 * somebody, or for somebody, after the coordinator fell silent. */
static void
leave_newer(struct deleter *d, int64_t now)
{
	const struct settings *s = d->reap->settings;

	for (size_t i = 0; i < d->n; i++) {
		struct item *item = &d->items[i];
		const int64_t threshold = item->owner != NULL && item->owner->orphan ?
		    s->reap_stale.orphan_after : s->reap_stale.stale_after;

		if (item->family == FAMILY_HEARTBEAT && item->owner != NULL && is_due(item))
			compare(d, item->owner, roster_digest(item->bytes), item->pttl);
		if (item->owner == NULL || run_forced(d->reap->run) || !is_due(item) ||
		    item->stamp == 0 || item->stamp <= now - threshold)
			continue;
		item->form = FORM_LEFT;
		result_count(d->reap->result, "keys-newer-than-threshold", 1);
		log_event(LOG_LEVEL_DEBUG, "newer", &item->key, "left: newer than the threshold");
	}
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
		if (is_due(&d->items[i]) && write_intent(d, &d->items[i], now, e) != 0)
			return -1;
	return journal_commit(d->journal, e);
}

/* Is any owner of this batch alive after all? Its heartbeat must be as it was judged. */
static int
look_again(struct deleter *d, int64_t now, struct error *e)
{
	struct candidate **owners = calloc(d->n, sizeof(struct candidate *));
	struct bytes *ids = calloc(d->n, sizeof *ids);
	struct look *looks = calloc(d->n, sizeof *looks);
	size_t n = 0, i;
	int outcome = -1;

	if (owners == NULL || ids == NULL || looks == NULL) {
		error_set(e, EX_SOFTWARE, "out of memory");
		goto out;
	}
	for (i = 0; i < d->n; i++) {
		struct candidate *c = d->items[i].owner;

		if (!is_due(&d->items[i]) || c == NULL ||
		    (c->looked != 0 && now - c->looked < LOOK_AGAIN_MS))
			continue;
		c->looked = now;
		owners[n] = c;
		ids[n++] = c->id;
	}
	outcome = look_many(d->reap->client, ids, n, now, NULL, looks, e);
	for (i = 0; outcome == 0 && i < n; i++)
		if (looks[i].form != HEARTBEAT_ABSENT)
			compare(d, owners[i], looks[i].digest, looks[i].pttl);
out:
	free(owners);
	free(ids);
	free(looks);
	return outcome;
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
		if (item->owner != NULL)
			item->owner->deleted++;
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

static void
on_unlink(void *ctx, size_t tag, const struct reply *r)
{
	struct deleter *d = ctx;
	struct item *item = &d->items[tag];
	const char *outcome = outcome_of(d, item, r);

	if (outcome != NULL && journal_result(d->journal, item->key, outcome, &d->error) != 0)
		d->failed = true;
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

static int
queue_unlink(struct deleter *d, size_t i)
{
	const struct item *item = &d->items[i];
	const bool digest = item->form == FORM_DUMP && item->bytes.n > WHOLE_MAX;
	char pttl[24], sha1[41];
	struct bytes argv[4];

	if (digest && sha1_hex(item->bytes, sha1) != 0)
		return -1;
	argv[0] = item->key;
	argv[1] = digest ? (struct bytes){ sha1, 40 } : item->bytes;
	argv[2] = bytes_of_int(item->pttl, pttl);
	argv[3] = item->form == FORM_STRING ? B("s") : digest ? B("h") : B("d");
	return script_add(d->reap->client, &d->script, CLIENT_ONCE, on_unlink, d, i, 1, 4, argv);
}

static int
delete_batch(struct deleter *d, int64_t now, struct error *e)
{
	if (!d->loaded && script_load(d->reap->client, &d->script, e) != 0)
		return -1;
	d->loaded = true;
	if (look_again(d, now, e) != 0)
		return -1;
	for (size_t i = 0; i < d->n; i++) {
		struct item *item = &d->items[i];

		if (!is_due(item))
			continue;
		if (item->owner != NULL &&
		    (item->owner->revived ||
		        (item->family == FAMILY_HEARTBEAT && item->owner->failed))) {
			if (journal_result(d->journal, item->key, "changed", e) != 0)
				return -1;
			continue;
		}
		if (queue_unlink(d, i) != 0)
			return error_set(e, EX_SOFTWARE, "out of memory");
	}
	/* The results need no fsync of their own: an entry without one is restored too. */
	if (client_drain(d->reap->client) != 0) {
		*e = *client_error(d->reap->client);
		return -1;
	}
	return 0;
}

static void
pretend(struct deleter *d)
{
	for (size_t i = 0; i < d->n; i++) {
		struct item *item = &d->items[i];

		if (!is_due(item) ||
		    (item->family == FAMILY_HEARTBEAT && item->owner != NULL && item->owner->failed))
			continue;
		if (item->owner != NULL)
			item->owner->deleted++;
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
		leave_newer(d, now);
		for (size_t i = 0; i < d->n; i++)
			any = any || is_due(&d->items[i]);
		if (any && run_dry(d->reap->run))
			pretend(d);
		else if (any && run_keep_lease(d->reap->run, e) != 0)
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
