#include "redis/client.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "redis/client_private.h"

/* So much is sent before client_step asks for it. */
#define PUSH_BYTES ((size_t)32 * 1024)

struct client *
client_open(const struct client_options *options, struct error *e)
{
	struct sigaction old;
	struct client *c;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		error_set(e, EX_SOFTWARE, "no memory");
		return NULL;
	}
	c->options = *options;
	transport_name(&options->transport, c->link.peer, sizeof(c->link.peer));
	/* OpenSSL writes without MSG_NOSIGNAL. */
	if (sigaction(SIGPIPE, NULL, &old) == 0 && old.sa_handler == SIG_DFL)
		(void)signal(SIGPIPE, SIG_IGN);
	if (client_connect(c) == -1) {
		if (e != NULL)
			*e = c->error;
		client_close(c);
		return NULL;
	}
	return c;
}

void
client_close(struct client *c)
{
	if (c == NULL)
		return;
	link_close(&c->link);
	queue_free(&c->pending);
	queue_free(&c->later);
	free(c);
}

const struct server_info *
client_server(const struct client *c)
{
	return &c->server;
}

int64_t
client_now_ms(const struct client *c)
{
	return (clock_mono_us() + c->clock_offset_us) / 1000;
}

const struct error *
client_error(const struct client *c)
{
	return &c->error;
}

bool
client_moved(struct client *c)
{
	bool moved = c->moved;

	c->moved = false;
	return moved;
}

bool
client_was_sent(const struct client *c)
{
	return !c->unsent;
}

bool
client_was_resent(const struct client *c)
{
	return c->resent;
}

size_t
client_pending(const struct client *c)
{
	return c->pending.n + c->later.n;
}

void
client_mark(struct client *c, size_t *mark)
{
	c->mark = mark;
}

int
client_queue(struct client *c, const struct command *command, size_t head_n,
    const struct bytes *head, size_t argc, const struct bytes *argv)
{
	struct command copy = *command;

	if (c->giving_up)
		return -1;
	copy.mark = c->mark;
	if (queue_push(&c->pending, &copy, head_n, head, argc, argv) == -1) {
		c->no_memory = true;
		return error_set(&c->error, EX_SOFTWARE, "no memory for a command");
	}
	if (copy.mark != NULL)
		(*copy.mark)++;
	/* The server begins while the rest is being queued. */
	if (c->pending.end - c->pending.sent >= PUSH_BYTES)
		client_push(c);
	return 0;
}

int
client_add(struct client *c, enum client_repeat repeat, client_fn *fn, void *ctx, size_t tag,
    size_t argc, const struct bytes *argv)
{
	const struct command command = { .fn = fn, .ctx = ctx, .tag = tag, .repeat = repeat };

	return client_queue(c, &command, 0, NULL, argc, argv);
}

struct reply *
client_keep(struct client *c, const struct reply *r)
{
	c->keep = true;
	return (struct reply *)(uintptr_t)r;
}

void
client_yield(struct client *c)
{
	c->yield = true;
}

/* The callback of client_call_queued. */
struct kept {
	struct client *c;
	struct reply *reply;
};

static void
keep_reply(void *ctx, size_t tag, const struct reply *r)
{
	struct kept *k = ctx;

	(void)tag;
	if (r != NULL)
		k->reply = client_keep(k->c, r);
}

struct reply *
client_call_queued(struct client *c, const struct command *command, size_t head_n,
    const struct bytes *head, size_t argc, const struct bytes *argv)
{
	struct kept kept = { .c = c };
	struct command copy = *command;

	copy.fn = keep_reply;
	copy.ctx = &kept;
	if (c->giving_up)
		return NULL;
	/* What cannot be queued ends the drain: its error is "no memory". */
	(void)client_queue(c, &copy, head_n, head, argc, argv);
	if (client_drain(c) == -1) {
		reply_free(kept.reply);
		return NULL;
	}
	return kept.reply;
}

struct reply *
client_call(struct client *c, enum client_repeat repeat, size_t argc, const struct bytes *argv)
{
	const struct command command = { .repeat = repeat };

	return client_call_queued(c, &command, 0, NULL, argc, argv);
}

static int
refresh_info(struct client *c, struct server_info *s)
{
	struct reply *r = CLIENT_CALL(c, CLIENT_REPEAT, B("INFO"));
	struct bytes text;
	int result = 0;

	if (r == NULL)
		return -1;
	if (!reply_string(r, &text) || !server_info_parse(text, s))
		result = reply_fail(r, &c->error, "%s: INFO", c->link.peer);
	reply_free(r);
	return result;
}

int
client_refresh(struct client *c)
{
	struct server_info s = c->server;
	struct reply *r;
	int result = 0;

	if (refresh_info(c, &s) == -1)
		return -1;
	if ((r = CLIENT_CALL(c, CLIENT_REPEAT, B("DBSIZE"))) == NULL)
		return -1;
	if (!reply_integer(r, &s.dbsize) &&
	    (reply_error(r) == NULL || strncmp(reply_error(r), "NOPERM", 6) != 0))
		result = reply_fail(r, &c->error, "%s: DBSIZE", c->link.peer);
	reply_free(r);
	if (result == 0)
		c->server = s;
	return result;
}
