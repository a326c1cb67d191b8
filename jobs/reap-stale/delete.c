#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "delete.h"

#include "base/log.h"
#include "coordination/record.h"
#include "look.h"
#include "redis/script.h"

#define BATCH_KEYS 1000
#define BATCH_BYTES (1 << 20)
/* Longer payloads are compared by their digest: hashing costs less than sending. */
#define WHOLE_MAX 4096

/*
 * Unlink KEYS[1] if its DUMP is still ARGV[1] (or, where ARGV[3] is 1, has that
 * SHA-1), and its expiry has not moved later than ARGV[2] ms from now: a
 * refresh can write the very same bytes. -1 gone, 0 changed, 1 unlinked.
 */
static const char unlink_unchanged[] =
    "local t = redis.call('PTTL', KEYS[1])\n"
    "if t == -2 then return -1 end\n"
    "local seen = tonumber(ARGV[2])\n"
    "if seen >= 0 and (t == -1 or t > seen) then return 0 end\n"
    "local d = redis.call('DUMP', KEYS[1])\n"
    "if ARGV[3] == '1' then d = redis.sha1hex(d) end\n"
    "if d ~= ARGV[1] then return 0 end\n"
    "return redis.call('UNLINK', KEYS[1])\n";

enum step { STEP_READING, STEP_READ, STEP_LEFT };

struct item {
	struct deleter *deleter;
	struct candidate *owner;
	enum family family;
	enum step step;
	int64_t pttl;
	struct bytes key;   /* in memory of its own */
	struct bytes dump;  /* in memory of its own */
	int64_t stamp;      /* what it says of its own time, 0 = nothing */
	bool missent;       /* its reply was lost: what became of it is unknown */
};

struct deleter {
	struct reap *reap;
	struct script script;
	bool loaded;
	struct journal *journal;
	struct buf path;    /* kept when the journal is closed */
	struct item *items; /* BATCH_KEYS + a page */
	size_t n, cap;
	size_t bytes;
	uint32_t batch;
	struct error error; /* of a callback */
	bool failed;
};

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
		free((void *)(uintptr_t)d->items[i].dump.p);
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

static void
give_up(struct deleter *d, struct item *item, const struct reply *r, const char *what)
{
	struct error e = { 0 };

	item->step = STEP_LEFT;
	if (item->owner != NULL)
		item->owner->failed = true;
	reply_fail(r, &e, "%s", what);
	result_failed(d->reap->result, "read-failed", item->key, "%s", e.text);
	/* Refused or away: the rest would fail in the same way. */
	if (e.exit != EX_CRITICAL && !d->failed) {
		d->failed = true;
		d->error = e;
	}
}

static bool
copy(struct deleter *d, struct bytes from, struct bytes *to)
{
	char *p = malloc(from.n > 0 ? from.n : 1);

	if (p == NULL) {
		d->failed = true;
		error_set(&d->error, EX_SOFTWARE, "out of memory");
		return false;
	}
	if (from.n > 0)
		memcpy(p, from.p, from.n);
	*to = (struct bytes){ p, from.n };
	d->bytes += from.n;
	return true;
}

/* What carries a time says whether it is newer than the threshold. */
static bool
has_time(enum family f)
{
	return f == FAMILY_SIGNAL || f == FAMILY_ACK || f == FAMILY_ACTIVITY;
}

static void
on_stamp(void *ctx, size_t tag, const struct reply *r)
{
	struct deleter *d = ctx;
	struct item *item = &d->items[tag];
	struct record *record;
	struct stamp stamp;
	struct bytes value, names;
	const char *why;

	if (item->step == STEP_LEFT || !reply_string(r, &value) ||
	    (record = record_parse(value, &why)) == NULL)
		return;
	if (item->family == FAMILY_ACTIVITY ? record_activity_time(record, &stamp) :
	                                      record_signal_time(record, &stamp))
		item->stamp = stamp.ms;
	/* "ack:a:b" may be a's or a:b's; a value that names another of these decides. */
	if (item->family == FAMILY_ACK && item->owner != NULL &&
	    record_text(record, "coordinatorId", &names) &&
	    !bytes_equal(names, item->owner->id) && key_may_belong(item->key, names) &&
	    (item->owner = map_find(d->reap->candidates, names)) == NULL) {
		item->step = STEP_LEFT;
		result_count(d->reap->result, "keys-of-uncertain-owner", 1);
	}
	record_free(record);
}

static void
on_dump(void *ctx, size_t tag, const struct reply *r)
{
	struct deleter *d = ctx;
	struct item *item = &d->items[tag];
	struct bytes dump;

	if (item->step == STEP_LEFT)
		return;
	if (r != NULL && reply_is_nil(r)) {
		item->step = STEP_LEFT;
		result_count(d->reap->result, "keys-gone-meanwhile", 1);
	} else if (!reply_string(r, &dump))
		give_up(d, item, r, "DUMP");
	else if (copy(d, dump, &item->dump))
		item->step = STEP_READ;
	else
		item->step = STEP_LEFT;
}

static void
on_pttl(void *ctx, size_t tag, const struct reply *r)
{
	struct deleter *d = ctx;
	struct item *item = &d->items[tag];

	if (item->step == STEP_LEFT)
		return;
	if (!reply_integer(r, &item->pttl)) {
		give_up(d, item, r, "PTTL");
		return;
	}
	if (CLIENT_ADD(d->reap->client, CLIENT_REPEAT, on_dump, d, tag, B("DUMP"), item->key) != 0 ||
	    (has_time(item->family) && CLIENT_ADD(d->reap->client, CLIENT_REPEAT, on_stamp, d,
	        tag, B("GET"), item->key) != 0)) {
		d->failed = true;
		error_set(&d->error, EX_SOFTWARE, "out of memory");
	}
}

static void
on_memory(void *ctx, size_t tag, const struct reply *r)
{
	struct deleter *d = ctx;
	struct item *item = &d->items[tag];
	int64_t size;

	if (r != NULL && reply_is_nil(r)) {
		item->step = STEP_LEFT;
		result_count(d->reap->result, "keys-gone-meanwhile", 1);
	} else if (!reply_integer(r, &size))
		give_up(d, item, r, "MEMORY USAGE");
	else if (size > d->reap->settings->reap_stale.undo_value_max) {
		item->step = STEP_LEFT;
		if (item->owner != NULL)
			item->owner->failed = true;
		result_finding(d->reap->result, "value-too-large", SEVERITY_WARNING, item->key,
		    "left: it takes %lld bytes, more than undo_value_max = %lld; copying it would "
		    "stall the server (UNLINK it by hand)", (long long)size,
		    (long long)d->reap->settings->reap_stale.undo_value_max);
	}
}

int
deleter_offer(struct deleter *d, struct bytes key, enum family f, struct candidate *owner)
{
	struct client *c = d->reap->client;
	struct item *item;

	if (d->failed)
		return -1;
	if (d->n == d->cap) {
		size_t cap = d->cap == 0 ? 256 : d->cap * 2;
		struct item *items = realloc(d->items, cap * sizeof *items);

		if (items == NULL)
			goto memory;
		d->items = items;
		d->cap = cap;
	}
	item = &d->items[d->n];
	*item = (struct item){ .owner = owner, .family = f };
	if (!copy(d, key, &item->key))
		return -1;
	d->n++;
	if (CLIENT_ADD(c, CLIENT_REPEAT, on_memory, d, d->n - 1, B("MEMORY"), B("USAGE"),
	        item->key) == 0 &&
	    CLIENT_ADD(c, CLIENT_REPEAT, on_pttl, d, d->n - 1, B("PTTL"), item->key) == 0)
		return 0;
memory:
	d->failed = true;
	return error_set(&d->error, EX_SOFTWARE, "out of memory");
}

/* A time that is newer than the threshold was written by somebody, or for
 * somebody, after the coordinator fell silent: left for a later run. */
static void
leave_newer(struct deleter *d, int64_t now)
{
	const struct settings *s = d->reap->settings;

	for (size_t i = 0; i < d->n; i++) {
		struct item *item = &d->items[i];
		int64_t threshold = item->owner != NULL && item->owner->orphan ?
		    s->reap_stale.orphan_after : s->reap_stale.stale_after;

		if (item->owner == NULL || run_forced(d->reap->run) || item->step != STEP_READ ||
		    item->stamp == 0 || item->stamp <= now - threshold)
			continue;
		item->step = STEP_LEFT;
		result_count(d->reap->result, "keys-newer-than-threshold", 1);
		log_event(LOG_LEVEL_DEBUG, "newer", &item->key, "left: newer than the threshold");
	}
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
	for (size_t i = 0; i < d->n; i++) {
		const struct item *item = &d->items[i];

		if (item->step == STEP_READ &&
		    journal_intent(d->journal, item->key, item->dump,
		        item->pttl < 0 ? 0 : now + item->pttl,
		        item->owner != NULL ? item->owner->id : B(""),
		        item->owner != NULL ? item->owner->verdict : "reset", e) != 0)
			return -1;
	}
	return journal_commit(d->journal, e);
}

/* Is any owner of this batch alive after all? Its heartbeat must be as it was judged. */
static int
look_again(struct deleter *d, struct error *e)
{
	struct candidate **owners = calloc(d->n, sizeof(struct candidate *));
	struct bytes *ids = calloc(d->n, sizeof *ids);
	struct look *looks = calloc(d->n, sizeof *looks);
	size_t n = 0, i;
	int outcome = 0;

	d->batch++;
	if (owners == NULL || ids == NULL || looks == NULL)
		outcome = error_set(e, EX_SOFTWARE, "out of memory");
	for (i = 0; outcome == 0 && i < d->n; i++) {
		struct candidate *c = d->items[i].owner;

		if (d->items[i].step != STEP_READ || c == NULL || c->checked == d->batch)
			continue;
		c->checked = d->batch;
		owners[n] = c;
		ids[n++] = c->id;
	}
	if (outcome == 0)
		outcome = look_many(d->reap->client, ids, n, run_now(d->reap->run), NULL, looks, e);
	for (i = 0; outcome == 0 && i < n; i++) {
		struct candidate *c = owners[i];

		if (run_forced(d->reap->run) && d->reap->options->coordinator != NULL)
			continue; /* a person asked to clean up after one that lives */
		if (looks[i].form == HEARTBEAT_ABSENT)
			continue;
		if (c->heartbeat && looks[i].digest == c->digest &&
		    (c->pttl == TTL_NONE || (looks[i].pttl != TTL_NONE && looks[i].pttl <= c->pttl)))
			continue;
		if (!c->revived)
			log_event(LOG_LEVEL_INFO, "revived", &c->id,
			    "alive after all: its heartbeat changed since it was judged; left");
		c->revived = true;
	}
	free(owners);
	free(ids);
	free(looks);
	return outcome;
}

static const char *
outcome_of(struct deleter *d, struct item *item, const struct reply *r)
{
	struct result *result = d->reap->result;
	struct error e = { 0 };
	int64_t v;

	if (r == NULL) {
		item->missent = true;
		if (item->owner != NULL)
			item->owner->failed = true;
		result_failed(result, "delete-unknown", item->key,
		    "the reply was lost: whether it was deleted is unknown; the journal has it");
		return NULL;
	}
	if (!reply_integer(r, &v)) {
		reply_fail(r, &e, "UNLINK");
		if (item->owner != NULL)
			item->owner->failed = true;
		result_failed(result, "delete-failed", item->key, "not deleted: %s", e.text);
		if (e.exit != EX_CRITICAL && !d->failed) {
			d->failed = true;
			d->error = e;
		}
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
	const bool digest = item->dump.n > WHOLE_MAX;
	char pttl[24], sha1[41];
	struct bytes argv[4];

	if (digest && sha1_hex(item->dump, sha1) != 0)
		return -1;
	argv[0] = item->key;
	argv[1] = digest ? (struct bytes){ sha1, 40 } : item->dump;
	argv[2] = bytes_of_int(item->pttl, pttl);
	argv[3] = digest ? B("1") : B("0");
	return script_add(d->reap->client, &d->script, CLIENT_ONCE, on_unlink, d, i, 1, 4, argv);
}

static int
delete_batch(struct deleter *d, struct error *e)
{
	if (!d->loaded && script_load(d->reap->client, &d->script, e) != 0)
		return -1;
	d->loaded = true;
	if (look_again(d, e) != 0)
		return -1;
	for (size_t i = 0; i < d->n; i++) {
		struct item *item = &d->items[i];

		if (item->step != STEP_READ)
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
	if (client_drain(d->reap->client) != 0) {
		*e = *client_error(d->reap->client);
		return -1;
	}
	return journal_commit(d->journal, e);
}

static void
pretend(struct deleter *d)
{
	for (size_t i = 0; i < d->n; i++) {
		struct item *item = &d->items[i];

		if (item->step != STEP_READ ||
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
			any = any || d->items[i].step == STEP_READ;
		if (any && run_dry(d->reap->run))
			pretend(d);
		else if (any && run_keep_lease(d->reap->run, e) != 0)
			outcome = -1;
		else if (any && (outcome = write_intents(d, now, e)) == 0)
			outcome = delete_batch(d, e);
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
