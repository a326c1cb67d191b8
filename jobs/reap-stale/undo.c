#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <sys/stat.h>

#include "base/log.h"
#include "reap.h"

/* The ids that an undo put back stay out of the jobs' reach for so long. */
#define HOLD_MS INT64_C(86400000)

struct undo {
	struct run *run;
	struct map *ids;
	struct error *error;
	int failed;
	int64_t restored;
};

/* One RESTORE on its way. */
struct putting {
	struct undo *undo;
	char *key;
	size_t n;
	bool cut_off;
};

static void
on_restored(void *ctx, size_t tag, const struct reply *r)
{
	struct putting *p = ctx;
	struct undo *u = p->undo;
	struct result *result = run_result(u->run);
	const struct bytes key = { p->key, p->n };
	const char *error = reply_error(r);
	struct error e = { 0 };
	struct bytes ok;

	(void)tag;
	if (error != NULL && strncmp(error, "BUSYKEY", 7) == 0) {
		result_count(result, "keys-there-already", 1);
		log_event(LOG_LEVEL_INFO, "there-already", &key, "left: a key of that name exists now");
	} else if (reply_string(r, &ok)) {
		u->restored++;
		result_count(result, "keys-restored", 1);
		result_action(result, "restore", key, "%s",
		    p->cut_off ? "restored; whether it had been deleted is not in the journal" :
		                 "restored");
	} else {
		reply_fail(r, &e, "RESTORE");
		result_failed(result, "restore-failed", key, "not restored: %s", e.text);
		if (e.exit != EX_CRITICAL && u->failed == 0) {
			u->failed = -1;
			*u->error = e;
		}
	}
	free(p->key);
	free(p);
}

static int
restore(struct undo *u, const struct journal_entry *entry)
{
	struct putting *p = calloc(1, sizeof *p);
	char expiry[24];

	if (p == NULL || (p->key = malloc(entry->key.n + 1)) == NULL) {
		free(p);
		return error_set(u->error, EX_SOFTWARE, "out of memory");
	}
	memcpy(p->key, entry->key.p, entry->key.n);
	p->n = entry->key.n;
	p->undo = u;
	p->cut_off = !entry->resulted;
	/* Never REPLACE: what is there now is newer. ABSTTL: run twice is run once. */
	if (CLIENT_ADD(run_client(u->run), CLIENT_ONCE, on_restored, p, 0, B("RESTORE"), entry->key,
	        bytes_of_int(entry->expiry, expiry), entry->dump, B("ABSTTL")) != 0) {
		free(p->key);
		free(p);
		return error_set(u->error, EX_SOFTWARE, "out of memory");
	}
	return 0;
}

static bool
take_id(void *ctx, const struct key_claim *claim)
{
	*(struct bytes *)ctx = claim->id;
	return false;
}

/* Whose it is: --all takes keys of no coordinator in particular, but most name theirs. */
static struct bytes
id_of(const struct journal_entry *entry)
{
	struct bytes id = entry->id;

	if (id.n == 0 && key_claim_count(entry->key) == 1)
		key_claims(entry->key, take_id, &id);
	return id;
}

static int
each(void *ctx, const struct journal_entry *entry)
{
	struct undo *u = ctx;
	struct result *result = run_result(u->run);
	const struct bytes id = id_of(entry);

	if (u->failed != 0)
		return -1;
	if (run_should_stop(u->run)) {
		result_incomplete(result);
		return error_set(u->error, EX_TEMPFAIL,
		    "stopped; run it again, what has been restored is left as it is");
	}
	/* No job deletes what is of no family, so no journal of ours names it. */
	if (family_of(entry->key, NULL) == FAMILY_NONE) {
		result_failed(result, "not-ours", entry->key, "not restored: no job deletes such a key");
		return 0;
	}
	if (family_of(entry->key, NULL) == FAMILY_WARNING) {
		result_count(result, "warnings-not-restored", 1);
		return 0;
	}
	if (entry->expiry != 0 && entry->expiry <= run_now(u->run)) {
		result_count(result, "keys-expired-meanwhile", 1);
		return 0;
	}
	if (!entry->resulted)
		result_count(result, "keys-cut-off", 1);
	if (id.n > 0 && map_put(u->ids, id, NULL) == NULL)
		return error_set(u->error, EX_SOFTWARE, "out of memory");
	if (run_dry(u->run)) {
		u->restored++;
		result_count(result, "keys-to-restore", 1);
		result_action(result, "restore", entry->key, "%s", family_name(
		    family_of(entry->key, NULL)));
		return 0;
	}
	if (restore(u, entry) != 0)
		return -1;
	if (client_pending(run_client(u->run)) >= 100 && client_drain(run_client(u->run)) != 0) {
		*u->error = *client_error(run_client(u->run));
		return -1;
	}
	return u->failed;
}

/* Before the keys: a job that runs meanwhile must find the hold. */
static int
collect_id(void *ctx, const struct journal_entry *entry)
{
	struct undo *u = ctx;
	const struct bytes id = id_of(entry);
	bool added;

	if (id.n == 0)
		return 0;
	if (map_put(u->ids, id, &added) == NULL)
		return error_set(u->error, EX_SOFTWARE, "out of memory");
	return added && !run_dry(u->run) ?
	    hold_put(run_client(u->run), id, run_now(u->run) + HOLD_MS, u->error) : 0;
}

static int
nothing(void *ctx, const struct journal_entry *entry)
{
	(void)ctx;
	(void)entry;
	return 0;
}

/* Three readings: is it whole and of this db; the holds; the keys. */
static int
undo_file(struct undo *u, const char *path, struct error *e)
{
	struct journal_header header;
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return error_set(e, EX_USAGE, "%s: others can write it, so it is not trusted: look at it, "
		    "then chmod go-w", path);
	if (journal_read(path, &header, nothing, NULL, e) != 0)
		return -1;
	if (header.db != run_db(u->run))
		return error_set(e, EX_USAGE, "%s is a journal of db %d, this run is connected to db %d",
		    path, header.db, run_db(u->run));
	if (journal_read(path, &header, collect_id, u, e) != 0)
		return -1;
	if (journal_read(path, &header, each, u, e) != 0)
		return -1;
	if (client_drain(run_client(u->run)) != 0) {
		*e = *client_error(run_client(u->run));
		return -1;
	}
	return u->failed;
}

static void
say_count(struct result *result, const char *name, const char *what)
{
	const long long n = result_get(result, name);

	if (n > 0)
		result_say(result, "%lld key%s %s", n, n == 1 ? "" : "s", what);
}

static void
say(struct undo *u, int outcome)
{
	struct result *result = run_result(u->run);

	result_say(result, "%s %lld key%s of %zu coordinator%s", run_dry(u->run) ? "Would restore" :
	    "Restored", (long long)u->restored, u->restored == 1 ? "" : "s", map_count(u->ids),
	    map_count(u->ids) == 1 ? "" : "s");
	say_count(result, "keys-there-already", "left as found: there already");
	say_count(result, "keys-expired-meanwhile", "would have expired meanwhile");
	say_count(result, "warnings-not-restored", "held warnings, which are not restored");
	if (outcome == 0 && map_count(u->ids) > 0 && !run_dry(u->run))
		result_say(result, "They are on hold for 24h: no job touches them until then");
}

int
undo_run(struct run *run, const char *path, struct error *e)
{
	struct undo u = { .run = run, .error = e };
	int outcome;

	if ((u.ids = map_new(0)) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	outcome = undo_file(&u, path, e);
	/* Of the exit codes of the house: the command names the wrong file, or the file is damaged. */
	if (outcome != 0 && e->exit == EX_NOINPUT)
		e->exit = EX_USAGE;
	else if (outcome != 0 && e->exit == EX_DATAERR)
		e->exit = EX_IOERR;
	say(&u, outcome);
	map_free(u.ids, NULL);
	return outcome;
}
