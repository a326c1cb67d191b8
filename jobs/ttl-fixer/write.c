#include "write.h"

#include <string.h>

#include "base/duration.h"

/* For servers before 7.0, whose EXPIRE knows no condition. */
static const char give_body[] =
    "if redis.call('PTTL', KEYS[1]) ~= -1 then return 0 end\n"
    "return redis.call('PEXPIRE', KEYS[1], ARGV[1])\n";
static const char cut_body[] =
    "if redis.call('PTTL', KEYS[1]) <= tonumber(ARGV[1]) then return 0 end\n"
    "return redis.call('PEXPIRE', KEYS[1], ARGV[1])\n";

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

/* OOM can end at the next key, and a key can be one that this user may not touch; a command that he
 * may not give, or a server that takes no writes, stays. Only heartbeats are read. */
static bool
ends_all(const struct error *e, const char *text, const char *command)
{

	if (e->exit == EX_NOPERM)
		return strstr(text, "access") == NULL && strcmp(command, "GETRANGE") != 0 &&
		    strcmp(command, "EXISTS") != 0;
	return e->exit == EX_UNAVAILABLE && strncmp(text, "OOM", 3) != 0;
}

void
write_failed(struct fixer *f, struct bytes key, const struct reply *r, const char *command)
{
	struct error e = { 0 };
	struct buf shown = { 0 };

	/* Lost: the pass as a whole fails and says why. */
	if (r == NULL || f->fatal.exit != 0)
		return;
	(void)reply_fail(r, &e, "%s", command);
	if (ends_all(&e, reply_error(r), command)) {
		f->fatal = e;
		return;
	}
	if (e.exit == EX_NOPERM && f->refused.exit == 0) {
		buf_escaped(&shown, key, 200);
		(void)reply_fail(r, &f->refused, "%s %s", command, shown.failed ? "" :
		    buf_cstr(&shown));
		buf_free(&shown);
	}
	result_failed(f->result, "key-failed", key, "%s", e.text);
}

void
write_skipped(struct fixer *f, struct bytes key, const char *why)
{

	f->changed++;
	log_event(LOG_LEVEL_DEBUG, "changed-meanwhile", &key, "%s between the look and the write",
	    why);
}

static void
note_given(struct row *row, struct bytes key)
{
	struct result *result = row->fixer->result;
	struct buf shown = { 0 };

	row->set++;
	/* There can be millions of them. */
	if (result_reads_action(result))
		buf_escaped(&shown, key, 0);
	result_action(result, "expire", key, "Key %s missing TTL, setting to %s",
	    shown.n > 0 ? buf_cstr(&shown) : "?", row->ttl_said);
	buf_free(&shown);
}

/* The command was sent again after its reply was lost, and did nothing: had it been done before? */
static void
on_given_before(void *ctx, size_t tag, const struct reply *r)
{
	struct row *row = ctx;
	struct bytes key = key_of(tag);
	int64_t left;

	if (!reply_integer(r, &left))
		write_failed(row->fixer, key, r, "PTTL");
	else if (left >= 0)
		note_given(row, key);
	else
		write_skipped(row->fixer, key, "expired");
}

static void
on_given(void *ctx, size_t tag, const struct reply *r)
{
	struct row *row = ctx;
	struct bytes key = key_of(tag);
	int64_t done;

	if (!reply_integer(r, &done))
		write_failed(row->fixer, key, r, "EXPIRE NX");
	else if (done == 1)
		note_given(row, key);
	else if (client_was_resent(row->fixer->client))
		(void)CLIENT_ADD(row->fixer->client, CLIENT_REPEAT, on_given_before, row, tag, B("PTTL"),
		    key);
	else
		write_skipped(row->fixer, key, "expired or got a TTL");
}

void
write_give(struct row *row, const struct bytes *key)
{
	const struct fixer *f = row->fixer;
	struct bytes ttl = bytes_str(row->ttl);

	if (f->dry)
		note_given(row, *key);
	else if (!f->conditional)
		(void)script_add(f->client, &f->give, CLIENT_REPEAT, on_given, row, tag_of(key), 1, 2,
		    (struct bytes[]){ *key, ttl });
	else
		(void)CLIENT_ADD(f->client, CLIENT_REPEAT, on_given, row, tag_of(key),
		    row->in_ms ? B("PEXPIRE") : B("EXPIRE"), *key, ttl, B("NX"));
}

static void
note_cut(struct row *row, struct bytes key, int64_t to)
{
	struct buf shown = { 0 };
	char said[32];

	duration_format(to, said, sizeof(said));
	row->cut++;
	buf_escaped(&shown, key, 0);
	result_action(row->fixer->result, "cut", key, "Key %s has a longer TTL, cutting to %s",
	    shown.failed ? "?" : buf_cstr(&shown), said);
	buf_free(&shown);
}

static void
cut_answered(struct row *row, size_t tag, const struct reply *r, int64_t to)
{
	struct bytes key = key_of(tag);
	int64_t done;

	if (!reply_integer(r, &done))
		write_failed(row->fixer, key, r, "PEXPIRE XX LT");
	else if (done == 1)
		note_cut(row, key, to);
	else
		write_skipped(row->fixer, key, "expired or lost its long TTL");
}

static void
on_cut_to_max(void *ctx, size_t tag, const struct reply *r)
{
	struct row *row = ctx;

	cut_answered(row, tag, r, row->fixer->policy.max_ttl);
}

static void
on_cut_for_pressure(void *ctx, size_t tag, const struct reply *r)
{
	struct row *row = ctx;

	cut_answered(row, tag, r, row->fixer->policy.pressure_ttl);
}

void
write_cut(struct row *row, const struct bytes *key, int64_t to)
{
	const struct fixer *f = row->fixer;
	client_fn *fn = to == f->policy.max_ttl ? on_cut_to_max : on_cut_for_pressure;
	char text[24];
	struct bytes ttl = bytes_of_int(to, text);

	if (f->dry)
		note_cut(row, *key, to);
	else if (!f->conditional)
		(void)script_add(f->client, &f->cut, CLIENT_REPEAT, fn, row, tag_of(key), 1, 2,
		    (struct bytes[]){ *key, ttl });
	else
		/* LT alone would give a TTL to a key that lost its own meanwhile. */
		(void)CLIENT_ADD(f->client, CLIENT_REPEAT, fn, row, tag_of(key), B("PEXPIRE"), *key,
		    ttl, B("XX"), B("LT"));
}

void
write_speak(struct fixer *f)
{
	struct row *row;
	const struct server_info *s = client_server(f->client);
	int64_t ms;
	size_t i;

	f->conditional = s->version >= 70000;
	if (!f->conditional) {
		script_init(&f->give, "give-ttl", give_body);
		script_init(&f->cut, "cut-ttl", cut_body);
	}
	policy_server(&f->policy, s->maxmemory, s->maxmemory_policy);
	for (i = 0; i < f->policy.rows; i++) {
		row = &f->rows[i];
		ms = policy_ttl(&f->policy, policy_row(&f->policy, i));
		duration_format(ms, row->ttl_said, sizeof(row->ttl_said));
		/* The scripts take ms. */
		row->in_ms = !f->conditional || ms % 1000 != 0;
		(void)bytes_of_int(row->in_ms ? ms : ms / 1000, row->ttl);
	}
}
