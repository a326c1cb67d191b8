#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "redis/client_private.h"
#include "redis/reply.h"

#define VERSION_MIN 60000
/* The clock is asked again this often, while that takes less than CLOCK_SLICE. */
#define CLOCK_SAMPLES 4
#define CLOCK_SLICE_US 20000

enum { GREET_AUTH, GREET_SELECT, GREET_NAME, GREET_ROLE, GREET_INFO, GREET_DBSIZE, GREET_TIME };
static const char *const greet_names[] = { "AUTH", "SELECT", "CLIENT SETNAME", "ROLE", "INFO",
	"DBSIZE", "TIME" };

static int
push(struct queue *q, size_t tag, size_t argc, const struct bytes *argv)
{
	const struct command command = { .tag = tag };

	return queue_push(q, &command, 0, NULL, argc, argv);
}

static int
compose(const struct client_options *o, struct queue *q)
{
	const struct bytes user = bytes_str(o->username), password = bytes_str(o->password);
	const struct bytes name = bytes_str(o->name);
	char db[24];
	int r = 0;

	if (user.n > 0)
		r |= push(q, GREET_AUTH, 3, (struct bytes[]){ B("AUTH"), user, password });
	else if (password.n > 0)
		r |= push(q, GREET_AUTH, 2, (struct bytes[]){ B("AUTH"), password });
	if (o->db != 0)
		r |= push(q, GREET_SELECT, 2,
		    (struct bytes[]){ B("SELECT"), bytes_of_int(o->db, db) });
	if (name.n > 0)
		r |= push(q, GREET_NAME, 3,
		    (struct bytes[]){ B("CLIENT"), B("SETNAME"), name });
	r |= push(q, GREET_ROLE, 1, (struct bytes[]){ B("ROLE") });
	r |= push(q, GREET_INFO, 1, (struct bytes[]){ B("INFO") });
	r |= push(q, GREET_DBSIZE, 1, (struct bytes[]){ B("DBSIZE") });
	return r;
}

/* An error reply to the greeting. Returns 0 where we can do without. */
static int
check_error(const struct client *c, size_t tag, const char *text, bool *final, struct error *e)
{
	const char *peer = c->link.peer;
	int code = reply_exit(text);

	*final = !reply_temporary(text) && !reply_crowded(text);
	/* Wrong arguments are quoted by some servers: "ERR unknown command 'AUTH', with args
	 * beginning with: ...". The password is one. */
	if (code == EX_CRITICAL && c->options.password[0] != '\0' &&
	    strstr(text, c->options.password) != NULL)
		text = "ERR (the text repeats the password and is not shown)";
	if (!*final)
		return error_set(e, EX_UNAVAILABLE, "%s: %s", peer, text);
	if (tag == GREET_AUTH)
		return error_set(e, EX_NOPERM, "%s: AUTH: %s", peer, text);
	/* NOAUTH and DENIED concern all that follows, NOPERM the one command. */
	if (code == EX_NOPERM && strncmp(text, "NOPERM", 6) != 0)
		return error_set(e, code, "%s: %s", peer, text);
	if (tag == GREET_NAME || (code == EX_NOPERM && (tag == GREET_ROLE || tag == GREET_DBSIZE)))
		return 0;
	if (code == EX_NOPERM)
		return error_set(e, code, "%s: %s: %s", peer, greet_names[tag], text);
	return error_set(e, tag == GREET_SELECT ? EX_CONFIG : EX_PROTOCOL, "%s: %s%s: %s", peer,
	    tag == GREET_SELECT ? "" : "not a Redis that we know: ", greet_names[tag], text);
}

static int
check_role(const struct client *c, const struct reply *r, bool *final, struct error *e)
{
	const struct reply *first = reply_at(r, 0);
	struct bytes role, master;
	int64_t port;

	if (first == NULL || !reply_string(first, &role))
		return error_set(e, EX_PROTOCOL, "%s: not a Redis (ROLE: %s)", c->link.peer,
		    reply_kind(r));
	if (bytes_equal(role, B("master")))
		return 0;
	if (bytes_equal(role, B("sentinel")))
		return error_set(e, EX_PROTOCOL, "%s: a Redis Sentinel, not a Redis server",
		    c->link.peer);
	if (!bytes_equal(role, B("slave")))
		return error_set(e, EX_PROTOCOL, "%s: not a Redis (ROLE: an unknown role)",
		    c->link.peer);
	if (!c->options.need_master)
		return 0;
	/* A failover may be under way: the next attempt resolves the name again. */
	*final = false;
	if (reply_at(r, 1) == NULL || !reply_string(reply_at(r, 1), &master) ||
	    reply_at(r, 2) == NULL || !reply_integer(reply_at(r, 2), &port))
		return error_set(e, EX_UNAVAILABLE, "%s: a read-only replica", c->link.peer);
	return error_set(e, EX_UNAVAILABLE, "%s: a read-only replica of %.*s:%lld", c->link.peer,
	    (int)(master.n < 200 ? master.n : 200), master.p, (long long)port);
}

static int
check_info(const struct client *c, const struct reply *r, struct server_info *s, struct error *e)
{
	struct bytes text;

	if (!reply_string(r, &text) || !server_info_parse(text, s))
		return error_set(e, EX_PROTOCOL, "%s: not a Redis (INFO: %s without a version)",
		    c->link.peer, reply_kind(r));
	if (s->version < VERSION_MIN)
		return error_set(e, EX_UNAVAILABLE,
		    "%s: Redis %d.%d is too old, 6.0 or later is needed", c->link.peer,
		    s->version / 10000, s->version / 100 % 100);
	return 0;
}

static int
check(const struct client *c, size_t tag, const struct reply *r, struct server_info *s,
    bool *final, struct error *e)
{
	*final = true;
	if (reply_error(r) != NULL)
		return check_error(c, tag, reply_error(r), final, e);
	switch (tag) {
	case GREET_ROLE:
		return check_role(c, r, final, e);
	case GREET_INFO:
		return check_info(c, r, s, e);
	case GREET_DBSIZE:
		if (!reply_integer(r, &s->dbsize))
			return error_set(e, EX_PROTOCOL, "%s: not a Redis (DBSIZE: %s)",
			    c->link.peer, reply_kind(r));
		return 0;
	default:
		return 0;
	}
}

static int
read_time(const struct reply *r, int64_t *us)
{
	struct bytes s, fraction;
	uint64_t whole, rest;

	if (reply_at(r, 0) == NULL || reply_at(r, 1) == NULL ||
	    !reply_string(reply_at(r, 0), &s) || !reply_string(reply_at(r, 1), &fraction) ||
	    !bytes_to_u64(s, &whole) || !bytes_to_u64(fraction, &rest) ||
	    whole > INT64_MAX / 2000000 || rest >= 1000000)
		return -1;
	*us = (int64_t)(whole * 1000000 + rest);
	return 0;
}

/* TIME, a few times: the sample with the shortest round trip is the one that counts. */
static int
ask_clock(struct client *c, struct server_info *s, int64_t *offset_us, bool *final,
    struct error *e)
{
	static const char command[] = "*1\r\n$4\r\nTIME\r\n";
	int64_t begun = clock_mono_us(), before, after, us = 0;
	struct reply *r;
	size_t sent;
	int i, bad;

	s->round_trip_us = INT64_MAX;
	for (i = 0; i < CLOCK_SAMPLES && (i == 0 || clock_mono_us() - begun < CLOCK_SLICE_US); i++) {
		sent = 0;
		before = clock_mono_us();
		*final = false;
		if (link_next(&c->link, command, sizeof(command) - 1, &sent, &r,
		    client_deadline(c, c->options.timeout), e) == -1)
			return -1;
		after = clock_mono_us();
		if ((bad = read_time(r, &us)) == -1 && reply_error(r) != NULL)
			check_error(c, GREET_TIME, reply_error(r), final, e);
		else if (bad == -1)
			error_set(e, EX_PROTOCOL, "%s: not a Redis (TIME: %s)", c->link.peer,
			    reply_kind(r));
		reply_free(r);
		if (bad == -1)
			return -1;
		if (after - before < s->round_trip_us) {
			s->round_trip_us = after - before;
			*offset_us = us - (before + (after - before) / 2);
		}
	}
	return 0;
}

int
client_greet(struct client *c, struct server_info *server, int64_t *clock_offset_us, bool *final,
    struct error *e)
{
	struct queue q = { 0 };
	struct reply *r;
	struct bytes raw;
	size_t end, sent = 0;
	int result = -1;

	memset(server, 0, sizeof(*server));
	server->dbsize = -1;
	*final = false;
	if (compose(&c->options, &q) != 0) {
		error_set(e, EX_SOFTWARE, "no memory");
		goto out;
	}
	for (end = q.end; q.n > 0;) {
		/* The bytes stay where they are: nothing is pushed in this loop. */
		*final = false;
		if (link_next(&c->link, q.bytes, end, &sent, &r,
		    client_deadline(c, c->options.timeout), e) == -1) {
			result = -1; /* the one before was well: this one is not */
			goto out;
		}
		result = check(c, queue_pop(&q, &raw).tag, r, server, final, e);
		reply_free(r);
		if (result == -1)
			goto out;
	}
	result = ask_clock(c, server, clock_offset_us, final, e);
out:
	if (q.bytes != NULL)
		explicit_bzero(q.bytes, q.cap);
	queue_free(&q);
	return result;
}
