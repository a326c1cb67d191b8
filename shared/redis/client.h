#ifndef REDIS_CLIENT_H_
#define REDIS_CLIENT_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"
#include "redis/transport.h"

/*
 * A Redis client for short-lived jobs: one connection, a pipeline of commands
 * whose replies come back in order to callbacks, retries, and typed replies.
 * Commands are formatted as RESP2 arrays of bulk strings here; replies are
 * parsed by hiredis's redisReader. (redis.io/docs/reference/protocol-spec)
 */
struct client;

/* A reply, valid in its callback only (or until reply_free, for client_call). */
struct reply;

/* All of them take NULL, the reply that was lost: it is of no type. */
bool reply_is_nil(const struct reply *r);
/* The text of an error reply ("NOAUTH ..."), NULL if it is none. */
const char *reply_error(const struct reply *r);
/* An error reply by which the ACL refuses a key, not the command: others may be allowed. */
bool reply_refuses_key(const struct reply *r);
/* False if the reply is not of that type. A status counts as a string. */
bool reply_integer(const struct reply *r, int64_t *v);
bool reply_string(const struct reply *r, struct bytes *s);
bool reply_array(const struct reply *r, size_t *n);
/* Element ${i} of an array reply; NULL if there is none. */
const struct reply *reply_at(const struct reply *r, size_t i);
/* "a string", "an integer", ..., of an error its text: for messages. */
const char *reply_kind(const struct reply *r);
void reply_free(struct reply *r);

struct client_options {
	struct transport_options transport;
	const char *username;     /* "" = none */
	const char *password;     /* "" = none */
	int db;
	const char *name;         /* CLIENT SETNAME; a server that refuses it is no error */
	bool need_master;         /* refuse a replica that cannot be written (ROLE) */
	int64_t connect_timeout;  /* ms */
	int64_t timeout;          /* ms, for one exchange: from flush to the last reply, as long as
	                             replies keep coming each has this long; see client_step */
	int retries;              /* attempts of one exchange, >= 1 */
	int64_t backoff;          /* ms before the 2nd attempt, doubled each time, with jitter (full: U[b/2,b]) */
	int64_t backoff_max;      /* ms */
	int64_t run_deadline;     /* monotonic ms: no exchange or sleep goes beyond it; 0 = none */
	bool (*cancelled)(void);  /* a signal asked to end: no further retry; may be NULL */
};

/* What the server said about itself at the last (re)connect. */
struct server_info {
	char run_id[64];
	int version;              /* 70015 for 7.0.15 */
	bool valkey;
	int64_t uptime_s;
	int64_t used_memory, maxmemory;
	char maxmemory_policy[32];
	int64_t evicted_keys;
	int64_t dbsize;           /* of the selected db */
	bool loading;
	int64_t round_trip_us;    /* the shortest seen while connecting */
};

/**
 * client_open(options, e):
 * Connect, AUTH, SELECT, CLIENT SETNAME, ROLE, INFO, DBSIZE, TIME, with
 * retries on what is temporary (refused, reset, timed out, LOADING, BUSY,
 * MASTERDOWN, TRYAGAIN, CLUSTERDOWN, "max number of clients"). The strings of ${options}
 * must outlive the client. NULL with ${e}: EX_UNAVAILABLE, EX_NOPERM (NOAUTH, WRONGPASS, NOPERM,
 * TLS), EX_PROTOCOL (not a Redis), EX_UNAVAILABLE (a read-only replica, named
 * so), EX_TEMPFAIL (run_deadline or cancelled). A server before 6.0 is EX_UNAVAILABLE.
 */
struct client *client_open(const struct client_options *options, struct error *e);
/* Close without a word to the server; pending callbacks are not called. */
void client_close(struct client *c);
const struct server_info *client_server(const struct client *c);
/* Fetch INFO, DBSIZE again into client_server(). -1 with client_error. */
int client_refresh(struct client *c);

/* Redis's clock now, ms: TIME taken at client_open (middle of its round trip),
 * carried forward by the monotonic clock. */
int64_t client_now_ms(const struct client *c);

/* May the command be sent again when its reply was lost? */
enum client_repeat {
	CLIENT_REPEAT, /* yes: a read, or a write that is idempotent */
	CLIENT_ONCE    /* no: its callback gets NULL, "the outcome is unknown" */
};

/* Called once for every command, in the order sent. ${r} is NULL if the reply
 * was lost (CLIENT_ONCE) or the client gave up. Error replies come here too,
 * except the temporary ones (LOADING, BUSY, TRYAGAIN, CLUSTERDOWN, MASTERDOWN,
 * READONLY), which were repeated first: such a command comes after those that
 * were queued behind it. May add further commands, but not while the client
 * gives up: then client_add returns -1. */
typedef void client_fn(void *ctx, size_t tag, const struct reply *r);

/* In a callback that got NULL: was the command sent, so that it may have been carried out? */
bool client_was_sent(const struct client *c);
/* In a callback: was the command sent more than once, since a connection was lost before its reply?
 * What it finds done it may have done itself. */
bool client_was_resent(const struct client *c);

/* Queue a command of ${argc} arguments (copied). It is sent by client_step, or before where many
 * are queued. -1 without memory; the next client_step then fails too, so that
 * nothing is left undone unnoticed. */
int client_add(struct client *c, enum client_repeat repeat, client_fn *fn, void *ctx,
    size_t tag, size_t argc, const struct bytes *argv);

/* From now on commands added raise *${mark}, and each lowers it when it was
 * answered, as do those that its callback adds. NULL: no mark. */
void client_mark(struct client *c, size_t *mark);

/* Send what is queued as far as it goes without waiting: for who has something else to do before
 * it asks for the replies. */
void client_push(struct client *c);

/**
 * client_step(c):
 * Send what is queued and read until at least one reply has been handed to
 * its callback. Nothing pending: 0 at once. On a lost connection: reconnect
 * with backoff and send again, from the first command without a reply, those
 * that may be repeated. 0, or -1 with client_error(): then every pending
 * command's callback has been called with NULL. If the server that answers
 * after a reconnect has another run_id (restart, failover): -1 with
 * EX_TEMPFAIL and client_moved() true until it is asked: the connection is
 * usable and whoever walks the keyspace starts again.
 */
int client_step(struct client *c);
/* client_step until nothing is pending. */
int client_drain(struct client *c);
size_t client_pending(const struct client *c);
/* True once after the server's run_id changed. */
bool client_moved(struct client *c);
const struct error *client_error(const struct client *c);

/**
 * client_call(c, repeat, argc, argv):
 * One command, drained with all that is pending. The reply (the caller frees
 * it) may be an error reply. NULL: client_error() says why.
 */
struct reply *client_call(struct client *c, enum client_repeat repeat, size_t argc,
    const struct bytes *argv);
/* client_call with the arguments in the call: CLIENT_CALL(c, CLIENT_REPEAT, B("GET"), key) */
#define CLIENT_CALL(c, repeat, ...)                                                    \
	client_call((c), (repeat),                                                     \
	    sizeof((struct bytes[]){ __VA_ARGS__ }) / sizeof(struct bytes),            \
	    (struct bytes[]){ __VA_ARGS__ })
#define CLIENT_ADD(c, repeat, fn, ctx, tag, ...)                                       \
	client_add((c), (repeat), (fn), (ctx), (tag),                                  \
	    sizeof((struct bytes[]){ __VA_ARGS__ }) / sizeof(struct bytes),            \
	    (struct bytes[]){ __VA_ARGS__ })

/* Turn an error reply (or one of an unexpected type; NULL = lost) into ${e}
 * with the exit code of README "Exit codes": NOAUTH, WRONGPASS, NOPERM -> 77; OOM,
 * MISCONF, NOREPLICAS, READONLY, LOADING, BUSY, MASTERDOWN, "max number of
 * clients" -> 69; anything else -> 2 (EX_CRITICAL). ${what} names the command
 * and the key. Returns -1. */
int reply_fail(const struct reply *r, struct error *e, const char *what, ...)
    __attribute__((format(printf, 3, 4)));

/* A decimal in ${out} (>= 24 bytes) as an argument. */
struct bytes bytes_of_int(int64_t v, char *out);

#endif
