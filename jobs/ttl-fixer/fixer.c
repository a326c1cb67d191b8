#include "fixer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "coordination/heartbeat.h"
#include "cursor.h"
#include "summary.h"
#include "write.h"

/* A key with more parses than that could be anybody's. */
#define CLAIMS_MOST 1000

static const struct bytes *
key_of(size_t tag)
{

	return (const struct bytes *)(uintptr_t)tag;
}

struct asking {
	const struct fixer *fixer;
	int64_t now;
	int claims;
	bool held;
};

static bool
ask_hold(void *ctx, const struct key_claim *claim)
{
	struct asking *a = ctx;

	a->held = ++a->claims > CLAIMS_MOST || holds_cover(&a->fixer->holds, claim->id, a->now);
	return !a->held;
}

/* Can ${key} be that of a coordinator that the jobs are to keep off? */
static bool
is_held(struct fixer *f, struct bytes key)
{
	struct asking a = { .fixer = f };

	if (f->holds.until == NULL || map_count(f->holds.until) == 0)
		return false;
	a.now = run_now(f->run);
	key_claims(key, ask_hold, &a);
	f->held += a.held;
	return a.held;
}

static void
opaque(struct fixer *f, struct bytes key, const char *why)
{

	result_finding(f->result, "unreadable-heartbeat", SEVERITY_WARNING, key,
	    "it %s: left without a TTL, since nobody can tell whether its writer lives", why);
}

/* An empty value: is the key there at all? */
static void
on_exists(void *ctx, size_t tag, const struct reply *r)
{
	struct fixer *f = ((const struct row *)ctx)->fixer;
	int64_t there;

	if (!reply_integer(r, &there))
		write_failed(f, *key_of(tag), r, "EXISTS");
	else if (there > 0)
		opaque(f, *key_of(tag), "is empty");
	else
		write_skipped(f, *key_of(tag), "expired");
}

static void
on_heartbeat(void *ctx, size_t tag, const struct reply *r)
{
	struct row *row = ctx;
	struct fixer *f = row->fixer;
	const struct bytes *key = key_of(tag);
	const char *why = "is not a string";
	struct bytes value;
	enum heartbeat_form form = HEARTBEAT_UNREADABLE;
	struct stamp stamp = { 0 };

	if (reply_string(r, &value)) {
		if (value.n == 0) {
			(void)CLIENT_ADD(f->client, CLIENT_REPEAT, on_exists, row, tag, B("EXISTS"),
			    *key);
			return;
		}
		form = heartbeat_read(value, &stamp, &why);
	} else if (reply_error(r) == NULL ||
	    strncmp(reply_error(r), "WRONGTYPE", 9) != 0) {
		write_failed(f, *key, r, "GETRANGE");
		return;
	}
	switch (policy_heartbeat(&f->policy, form, stamp.ms, run_now(f->run))) {
	case HEARTBEAT_FIX:
		write_give(row, key);
		break;
	case HEARTBEAT_DEAD:
		f->dead++;
		log_event(LOG_LEVEL_DEBUG, "heartbeat-left", key,
		    "older than dead_after: left for reap-stale and escalate-dead");
		break;
	case HEARTBEAT_OPAQUE:
		opaque(f, *key, why);
		break;
	}
}

static void
on_ttl(void *ctx, size_t tag, const struct reply *r)
{
	struct row *row = ctx;
	struct fixer *f = row->fixer;
	const struct bytes *key = key_of(tag);
	int64_t left, to;
	struct kind k;

	if (!reply_integer(r, &left)) {
		write_failed(f, *key, r, "PTTL");
		return;
	}
	if (left == -2) {
		write_skipped(f, *key, "expired");
		return;
	}
	/* A pattern can name keys of any family. */
	k = row->kind.pattern != NULL ? policy_kind(&f->policy, *key) : row->kind;
	if (left >= 0) {
		if ((to = policy_cut(&f->policy, k, left)) > 0 && !is_held(f, *key))
			write_cut(row, key, to);
		return;
	}
	row->bare++;
	if (policy_keeps_bare(&f->policy, k)) {
		f->kept++;
		return;
	}
	if (is_held(f, *key))
		return;
	if (k.family == FAMILY_HEARTBEAT)
		(void)CLIENT_ADD(f->client, CLIENT_REPEAT, on_heartbeat, row, tag,
		    B("GETRANGE"),
		    *key, B("0"), B(HEARTBEAT_LAST));
	else
		write_give(row, key);
}

/* That a command cannot be queued for want of memory ends the pass by itself. */
static int
page(void *ctx, const struct bytes *keys, size_t n)
{
	struct fixer *f = ctx;
	struct row *row;
	struct kind k;
	size_t i;

	if (f->fatal.exit != 0)
		return 1;
	for (i = 0; i < n; i++) {
		k = policy_kind(&f->policy, keys[i]);
		if (!policy_concerns(k))
			continue;
		row = &f->rows[k.row];
		row->keys++;
		(void)CLIENT_ADD(f->client, CLIENT_REPEAT, on_ttl, row, (size_t)(uintptr_t)&keys[i],
		    B("PTTL"), keys[i]);
	}
	return 0;
}

/* Another server answers: what was seen counts again, what was done was done. */
static void
again(void *ctx)
{
	struct fixer *f = ctx;
	size_t i;

	write_speak(f);
	f->moved++;
	f->resumed = false;
	f->dead = f->held = f->kept = 0;
	for (i = 0; i < f->policy.rows; i++) {
		f->rows[i].keys = f->rows[i].bare = 0;
		if (f->dry)
			f->rows[i].set = f->rows[i].cut = 0;
	}
}

static int
prepare(struct fixer *f, struct run *r, bool pressure, struct error *e)
{
	size_t i;

	memset(f, 0, sizeof(*f));
	f->run = r;
	f->client = run_client(r);
	f->result = run_result(r);
	f->dry = run_dry(r);
	policy_make(&f->policy, run_settings(r), pressure);
	if ((f->rows = calloc(f->policy.rows, sizeof(*f->rows))) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	for (i = 0; i < f->policy.rows; i++) {
		f->rows[i].fixer = f;
		f->rows[i].kind = policy_row(&f->policy, i);
	}
	if (!run_forced(r) && run_load_holds(r, &f->holds, e) != 0)
		return -1;
	write_speak(f);
	return 0;
}

static int
fix(struct fixer *f, bool pressure, struct error *e)
{
	struct scan_callbacks callbacks = { .page = page, .ctx = f };
	struct scan_result pass = { 0 };
	struct cursor cursor;
	int rc;

	rc = cursor_load(f->run, pressure, &cursor, e);
	if (rc == 0) {
		f->resumed = cursor.from != 0;
		if (f->resumed)
			result_say(f->result, "Going on where the last run's time was up");
		rc = run_scan(f->run, NULL, &callbacks, again, cursor.from, &pass, e);
		if (rc == 0 && f->fatal.exit == 0)
			rc = cursor_leave(f->run, &cursor, pass.complete ? 0 : pass.cursor, e);
		f->goes_on = cursor.left;
		summary_say(f, &pass);
	}
	cursor_free(&cursor);
	if (rc != 0)
		return -1;
	if (f->fatal.exit == 0)
		f->fatal = f->refused;
	*e = f->fatal;
	return f->fatal.exit != 0 ? -1 : 0;
}

int
fixer_run(struct run *r, struct error *e)
{
	const struct ttl_options *o = run_options(r);
	struct fixer f;
	int rc;

	if (o->report)
		return report_run(r, e);
	if (o->pressure && pressure_begin(r, e) != 0)
		return -1;
	rc = prepare(&f, r, o->pressure, e);
	if (rc == 0)
		rc = fix(&f, o->pressure, e);
	if (rc == 0 && o->pressure)
		pressure_end(r);
	holds_free(&f.holds);
	free(f.rows);
	return rc;
}
