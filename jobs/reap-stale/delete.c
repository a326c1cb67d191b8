#include <stdlib.h>
#include <string.h>

#include "batch.h"

#include "coordination/payload.h"

struct deleter *
deleter_new(struct reap *r, struct error *e)
{
	struct deleter *d = calloc(1, sizeof *d);

	if (d == NULL) {
		error_set(e, EX_SOFTWARE, "out of memory");
		return NULL;
	}
	unlink_init(&d->script);
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
		    (item.owner->left ||
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
by_owner(const void *a, const void *b)
{
	const uintptr_t x = (uintptr_t)((const struct item *)a)->owner;
	const uintptr_t y = (uintptr_t)((const struct item *)b)->owner;

	return (x > y) - (x < y);
}

static int
delete_batch(struct deleter *d, int64_t now, struct error *e)
{
	const bool gentle = reap_is_gentle(d->reap);
	struct client *c = d->reap->client;
	size_t n, first, together;
	int outcome = 0;

	if (!d->loaded && script_load(c, &d->script, e) != 0)
		return -1;
	d->loaded = true;
	if (batch_look_again(d, now, e) != 0 || choose(d, &n, e) != 0)
		return -1;
	qsort(d->items, n, sizeof *d->items, by_owner);
	for (first = 0; first < n && outcome == 0; first += together) {
		together = 1;
		while (!unlink_alone(&d->items[first]) && together < UNLINK_TOGETHER &&
		    first + together < n && !unlink_alone(&d->items[first + together]))
			together++;
		if (unlink_queue(d, first, together) != 0)
			outcome = error_set(e, EX_SOFTWARE, "out of memory");
		else if (gentle && (outcome = client_drain(c)) != 0) /* one at a time */
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

		if (!batch_is_due(item) || (item->owner != NULL && (item->owner->left ||
		                               (item->family == FAMILY_HEARTBEAT && item->owner->failed))))
			continue;
		batch_note_deleted(item);
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
	int outcome;

	/* Its name is of no use to anybody then. */
	if (d->journal != NULL && journal_is_empty(d->journal))
		buf_reset(&d->path);
	outcome = journal_close(d->journal, e);
	d->journal = NULL;
	return outcome;
}
