#include "fixer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "coordination/heartbeat.h"
#include "cursor.h"
#include "summary.h"

/* For servers before 7.0, whose EXPIRE knows no condition. */
static const char give_body[] =
    "if redis.call('PTTL', KEYS[1]) ~= -1 then return 0 end\n"
    "return redis.call('PEXPIRE', KEYS[1], ARGV[1])\n";
static const char cut_body[] =
    "if redis.call('PTTL', KEYS[1]) <= tonumber(ARGV[1]) then return 0 end\n"
    "return redis.call('PEXPIRE', KEYS[1], ARGV[1])\n";

/* Tags are pointers to the page's keys, which stay for all commands of the page. */
static size_t
tag_of(const struct bytes *key)
{

	return (size_t)(uintptr_t)key;
}

static struct bytes
key_of(size_t tag)
{

	return *(const struct bytes *)(uintptr_t)tag;
}

/* A reply that is none of those expected. */
static void
failed(struct fixer *f, struct bytes key, const struct reply *r, const char *command)
{
	struct error e = { 0 };

	/* Lost: the pass as a whole fails and says why. */
	if (r == NULL || f->fatal.exit != 0)
		return;
	(void)reply_fail(r, &e, "%s", command);
	/* OOM can end at the next key; a missing permission, or a server that takes
	 * no writes, does not. */
	if (e.exit == EX_NOPERM ||
	    (e.exit == EX_UNAVAILABLE && strncmp(reply_error(r), "OOM", 3) != 0))
		f->fatal = e;
	else
		result_failed(f->result, "key-failed", key, "%s", e.text);
}

static void
skipped(struct fixer *f, struct bytes key, const char *why)
{

	f->changed++;
	log_event(LOG_LEVEL_DEBUG, "changed-meanwhile", &key, "%s between the look and the write",
	    why);
}

static void
note_given(struct fixer *f, struct bytes key, struct row *row)
{

	row->set++;
	result_action(f->result, "expire", key, "Key %.*s missing TTL, setting to %s", (int)key.n,
	    key.p, row->ttl_said);
}

static void
on_given(void *ctx, size_t tag, const struct reply *r)
{
	struct fixer *f = ctx;
	struct bytes key = key_of(tag);
	int64_t done;

	if (!reply_integer(r, &done))
		failed(f, key, r, "EXPIRE NX");
	else if (done == 1)
		note_given(f, key, &f->rows[policy_kind(&f->policy, key).row]);
	else
		skipped(f, key, "expired or got a TTL");
}

/* Give ${key}, which has none, its TTL. */
static void
give(struct fixer *f, const struct bytes *key, struct row *row)
{
	struct bytes ttl = bytes_str(row->ttl);

	if (f->dry)
		note_given(f, *key, row);
	else if (!f->conditional)
		(void)script_add(f->client, &f->give, CLIENT_REPEAT, on_given, f, tag_of(key), 1, 2,
		    (struct bytes[]){ *key, ttl });
	else
		(void)CLIENT_ADD(f->client, CLIENT_REPEAT, on_given, f, tag_of(key),
		    row->in_ms ? B("PEXPIRE") : B("EXPIRE"), *key, ttl, B("NX"));
}

static void
note_cut(struct fixer *f, struct bytes key, int64_t to)
{
	char said[32];

	duration_format(to, said, sizeof(said));
	f->rows[policy_kind(&f->policy, key).row].cut++;
	result_action(f->result, "cut", key, "Key %.*s has a longer TTL, cutting to %s",
	    (int)key.n, key.p, said);
}

static void
cut_answered(struct fixer *f, size_t tag, const struct reply *r, int64_t to)
{
	struct bytes key = key_of(tag);
	int64_t done;

	if (!reply_integer(r, &done))
		failed(f, key, r, "PEXPIRE XX LT");
	else if (done == 1)
		note_cut(f, key, to);
	else
		skipped(f, key, "expired or lost its long TTL");
}

static void
on_cut_to_max(void *ctx, size_t tag, const struct reply *r)
{
	struct fixer *f = ctx;

	cut_answered(f, tag, r, f->policy.max_ttl);
}

static void
on_cut_for_pressure(void *ctx, size_t tag, const struct reply *r)
{
	struct fixer *f = ctx;

	cut_answered(f, tag, r, f->policy.pressure_ttl);
}

/* Cut the TTL of ${key}, which has a longer one, to ${to} ms: one of the two limits. */
static void
cut(struct fixer *f, const struct bytes *key, int64_t to)
{
	client_fn *fn = to == f->policy.max_ttl ? on_cut_to_max : on_cut_for_pressure;
	char text[24];
	struct bytes ttl = bytes_of_int(to, text);

	if (f->dry)
		note_cut(f, *key, to);
	else if (!f->conditional)
		(void)script_add(f->client, &f->cut, CLIENT_REPEAT, fn, f, tag_of(key), 1, 2,
		    (struct bytes[]){ *key, ttl });
	else
		/* LT alone would give a TTL to a key that lost its own meanwhile. */
		(void)CLIENT_ADD(f->client, CLIENT_REPEAT, fn, f, tag_of(key), B("PEXPIRE"), *key,
		    ttl, B("XX"), B("LT"));
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
	struct fixer *f = ctx;
	int64_t there;

	if (!reply_integer(r, &there))
		failed(f, key_of(tag), r, "EXISTS");
	else if (there > 0)
		opaque(f, key_of(tag), "is empty");
	else
		skipped(f, key_of(tag), "expired");
}

static void
on_heartbeat(void *ctx, size_t tag, const struct reply *r)
{
	struct fixer *f = ctx;
	const struct bytes *key = (const struct bytes *)(uintptr_t)tag;
	const char *why = "is not a string";
	struct bytes value;
	enum heartbeat_form form = HEARTBEAT_UNREADABLE;
	struct stamp stamp = { 0 };

	if (reply_string(r, &value)) {
		if (value.n == 0) {
			(void)CLIENT_ADD(f->client, CLIENT_REPEAT, on_exists, f, tag, B("EXISTS"),
			    *key);
			return;
		}
		form = heartbeat_read(value, &stamp, &why);
	} else if (reply_error(r) == NULL ||
	    strncmp(reply_error(r), "WRONGTYPE", 9) != 0) {
		failed(f, *key, r, "GETRANGE");
		return;
	}
	switch (policy_heartbeat(&f->policy, form, stamp.ms, run_now(f->run))) {
	case HEARTBEAT_FIX:
		give(f, key, &f->rows[policy_kind(&f->policy, *key).row]);
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
	struct fixer *f = ctx;
	const struct bytes *key = (const struct bytes *)(uintptr_t)tag;
	int64_t left, to;
	struct kind k;

	if (!reply_integer(r, &left)) {
		failed(f, *key, r, "PTTL");
		return;
	}
	if (left == -2) {
		skipped(f, *key, "expired");
		return;
	}
	k = policy_kind(&f->policy, *key);
	if (left >= 0) {
		if ((to = policy_cut(&f->policy, k, left)) > 0)
			cut(f, key, to);
		return;
	}
	f->rows[k.row].bare++;
	if (k.family == FAMILY_HEARTBEAT)
		(void)CLIENT_ADD(f->client, CLIENT_REPEAT, on_heartbeat, f, tag, B("GETRANGE"),
		    *key, B("0"), B(HEARTBEAT_LAST));
	else
		give(f, key, &f->rows[k.row]);
}

/* That a command cannot be queued for want of memory ends the pass by itself. */
static int
page(void *ctx, const struct bytes *keys, size_t n)
{
	struct fixer *f = ctx;
	struct kind k;
	size_t i;

	if (f->fatal.exit != 0)
		return 1;
	for (i = 0; i < n; i++) {
		k = policy_kind(&f->policy, keys[i]);
		if (!policy_concerns(k))
			continue;
		f->rows[k.row].keys++;
		(void)CLIENT_ADD(f->client, CLIENT_REPEAT, on_ttl, f, tag_of(&keys[i]), B("PTTL"),
		    keys[i]);
	}
	return 0;
}

/* How this server is told of a TTL: its version decides. */
static void
speak_to_server(struct fixer *f)
{
	struct row *row;
	int64_t ms;
	size_t i;

	f->conditional = client_server(f->client)->version >= 70000;
	for (i = 0; i < f->policy.rows; i++) {
		row = &f->rows[i];
		ms = policy_ttl(&f->policy, policy_row(&f->policy, i));
		duration_format(ms, row->ttl_said, sizeof(row->ttl_said));
		/* The scripts take ms. */
		row->in_ms = !f->conditional || ms % 1000 != 0;
		(void)bytes_of_int(row->in_ms ? ms : ms / 1000, row->ttl);
	}
}

/* Another server answers: what was seen counts again, what was done was done. */
static void
again(void *ctx)
{
	struct fixer *f = ctx;
	size_t i;

	speak_to_server(f);
	f->dead = 0;
	for (i = 0; i < f->policy.rows; i++)
		f->rows[i].keys = f->rows[i].bare = 0;
}

static int
prepare(struct fixer *f, struct run *r, bool pressure, struct error *e)
{

	memset(f, 0, sizeof(*f));
	f->run = r;
	f->client = run_client(r);
	f->result = run_result(r);
	f->dry = run_dry(r);
	policy_make(&f->policy, run_settings(r), pressure);
	if (script_init(&f->give, "give-ttl", give_body) != 0 ||
	    script_init(&f->cut, "cut-ttl", cut_body) != 0)
		return error_set(e, EX_SOFTWARE, "SHA-1 is not available");
	if ((f->rows = calloc(f->policy.rows, sizeof(*f->rows))) == NULL)
		return error_set(e, EX_SOFTWARE, "out of memory");
	speak_to_server(f);
	return 0;
}

static int
fix(struct fixer *f, bool pressure, struct error *e)
{
	struct scan_callbacks callbacks = { .page = page, .ctx = f };
	struct scan_result pass = { 0 };
	struct cursor cursor;
	int rc;

	if (cursor_load(f->run, pressure, &cursor, e) != 0)
		return -1;
	if (cursor.from != 0)
		result_say(f->result, "Going on where the last run's time was up");
	rc = run_scan(f->run, NULL, &callbacks, again, cursor.from, &pass, e);
	summary_say(f, &pass);
	if (rc != 0)
		return -1;
	if (f->fatal.exit != 0) {
		*e = f->fatal;
		return -1;
	}
	cursor_leave(f->run, &cursor, pass.complete ? 0 : pass.cursor);
	return 0;
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
	if (o->pressure)
		pressure_end(r);
	free(f.rows);
	return rc;
}
