#include "redis/lease.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>


#include "base/clock.h"
#include "redis/client_private.h"

/* A lease with less than that left is left to its TTL where it cannot be released in one step. */
#define RELEASE_MS 5000

/* While waiting for somebody else's lease it is asked for so often. */
#define POLL_MS 500

static const char renew_body[] =
	"if redis.call('GET', KEYS[1]) == ARGV[1] then "
	"return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0";
static const char release_body[] =
	"if redis.call('GET', KEYS[1]) == ARGV[1] then "
	"return redis.call('DEL', KEYS[1]) end return 0";

static enum lease_result
fail_client(const struct client *c, struct error *e)
{
	if (e != NULL)
		*e = *client_error(c);
	return LEASE_ERROR;
}

static enum lease_result
fail_reply(const struct reply *r, const struct lease *l, const char *command, struct error *e)
{
	const char *text = reply_error(r);

	reply_fail(r, e, "%s %s", command, l->key);
	return text != NULL && strncmp(text, "OOM ", 4) == 0 ? LEASE_OOM : LEASE_ERROR;
}

static void
held_from(struct lease *l, int64_t sent_at)
{
	l->held = true;
	l->renew_at = sent_at + l->ttl_ms / 3;
	l->expires_at = sent_at + l->ttl_ms;
}

static enum lease_result
busy(const struct lease *l, struct error *e)
{
	error_set(e, EX_TEMPFAIL, "another run holds the lease %s", l->key);
	return LEASE_BUSY;
}

/* Is what stands in the key our own token? So it is when the reply to a SET
 * that succeeded was lost and the SET sent again. */
static enum lease_result
look(struct client *c, struct lease *l, int64_t sent_at, struct error *e)
{
	enum lease_result result = LEASE_BUSY;
	struct reply *r;
	struct bytes token;

	if ((r = CLIENT_CALL(c, CLIENT_REPEAT, B("GET"), bytes_str(l->key))) == NULL)
		return fail_client(c, e);
	if (reply_string(r, &token) && bytes_equal(token, bytes_str(l->token))) {
		held_from(l, sent_at);
		result = LEASE_HELD;
	} else if (reply_error(r) != NULL && strncmp(reply_error(r), "WRONGTYPE", 9) != 0) {
		result = fail_reply(r, l, "GET", e);
	}
	reply_free(r);
	return result;
}

static enum lease_result
take_once(struct client *c, struct lease *l, struct error *e)
{
	int64_t sent_at = clock_mono_ms();
	enum lease_result result = LEASE_HELD;
	struct reply *r;
	struct bytes ok;
	char ttl[24];

	r = CLIENT_CALL(c, CLIENT_REPEAT, B("SET"), bytes_str(l->key), bytes_str(l->token), B("NX"),
	    B("PX"), bytes_of_int(l->ttl_ms, ttl));
	if (r == NULL)
		return fail_client(c, e);
	if (reply_is_nil(r))
		result = look(c, l, sent_at, e);
	else if (reply_string(r, &ok) && bytes_equal(ok, B("OK")))
		held_from(l, sent_at);
	else
		result = fail_reply(r, l, "SET", e);
	reply_free(r);
	return result;
}

/* Who waits wants to know for how long; and what has no TTL no run of ours left. */
static enum lease_result
tell_busy(struct client *c, struct lease *l, struct error *e)
{
	enum lease_result result = LEASE_BUSY;
	struct reply *r;
	int64_t left;

	if ((r = CLIENT_CALL(c, CLIENT_REPEAT, B("PTTL"), bytes_str(l->key))) == NULL)
		return fail_client(c, e);
	if (!reply_integer(r, &left))
		result = fail_reply(r, l, "PTTL", e);
	else if (left == -1) {
		error_set(e, EX_CRITICAL, "the lease %s has no TTL, so no run of ours left it: look at "
		    "it, then delete it", l->key);
		result = LEASE_ERROR;
	} else
		error_set(e, EX_TEMPFAIL, "another run holds the lease %s, for %lld s more at most (one "
		    "that was killed holds it till then)", l->key, (long long)(left + 999) / 1000);
	reply_free(r);
	return result;
}

enum lease_result
lease_take(struct client *c, struct lease *l, const char *key, int64_t ttl_ms, int64_t wait_ms,
    struct error *e)
{
	int64_t until = clock_mono_ms() + wait_ms, left;
	enum lease_result result;
	unsigned char random[16];
	size_t i;

	memset(l, 0, sizeof(*l));
	l->ttl_ms = ttl_ms;
	if (strlen(key) >= sizeof(l->key)) {
		error_set(e, EX_SOFTWARE, "%s: too long for a lease", key);
		return LEASE_ERROR;
	}
	memcpy(l->key, key, strlen(key) + 1);
	if (getentropy(random, sizeof(random)) != 0) {
		error_set(e, EX_SOFTWARE, "no random bytes for a lease");
		return LEASE_ERROR;
	}
	for (i = 0; i < sizeof(random); i++)
		snprintf(l->token + 2 * i, 3, "%02x", random[i]);
	while ((result = take_once(c, l, e)) == LEASE_BUSY) {
		if ((left = until - clock_mono_ms()) <= 0)
			return tell_busy(c, l, e);
		if (client_sleep(c, left < POLL_MS ? left : POLL_MS, "waiting for the lease", e) ==
		    -1)
			return LEASE_ERROR;
	}
	return result;
}

enum lease_result
lease_keep(struct client *c, struct lease *l, struct error *e)
{
	int64_t now = clock_mono_ms(), renewed;
	enum lease_result result = LEASE_HELD;
	struct reply *r;
	char ttl[24];

	if (!l->held)
		return busy(l, e);
	if (now < l->renew_at)
		return LEASE_HELD;
	r = CLIENT_CALL(c, CLIENT_REPEAT, B("EVAL"), bytes_str(renew_body), B("1"), bytes_str(l->key),
	    bytes_str(l->token), bytes_of_int(l->ttl_ms, ttl));
	if (r == NULL)
		return fail_client(c, e);
	if (!reply_integer(r, &renewed)) {
		result = fail_reply(r, l, "renewing the lease", e);
	} else if (renewed == 1) {
		held_from(l, now);
	} else {
		l->held = false;
		error_set(e, EX_TEMPFAIL, "%s: the lease was lost", l->key);
		result = LEASE_BUSY;
	}
	reply_free(r);
	return result;
}

/* Where scripts are refused: look, then delete. Ours cannot end between the two, since it has a
 * while to live. */
static void
release_in_two(struct client *c, const struct lease *l)
{
	struct reply *r = CLIENT_CALL(c, CLIENT_REPEAT, B("GET"), bytes_str(l->key));
	struct bytes token;

	if (reply_string(r, &token) && bytes_equal(token, bytes_str(l->token)) &&
	    clock_mono_ms() < l->expires_at - RELEASE_MS)
		reply_free(CLIENT_CALL(c, CLIENT_ONCE, B("DEL"), bytes_str(l->key)));
	reply_free(r);
}

void
lease_release(struct client *c, struct lease *l)
{
	int retries = c->options.retries;
	struct reply *r;

	if (!l->held)
		return;
	l->held = false;
	/* Its TTL ends it if we cannot: not worth a wait. */
	c->options.retries = 1;
	r = CLIENT_CALL(c, CLIENT_REPEAT, B("EVAL"), bytes_str(release_body), B("1"),
	    bytes_str(l->key), bytes_str(l->token));
	if (reply_error(r) != NULL)
		release_in_two(c, l);
	reply_free(r);
	c->options.retries = retries;
}
