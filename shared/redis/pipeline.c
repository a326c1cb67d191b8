#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "redis/client_private.h"
#include "redis/reply.h"

/* A connection that was unused for so long is looked at before it is used. */
#define IDLE_MS 1000

/* Hand ${r} to the callback of ${command}, and free it unless that kept it. */
static void
answer(struct client *c, const struct command *command, struct reply *r)
{
	size_t *outer = c->mark;

	c->handed++;
	c->keep = false;
	c->resent = command->resent;
	c->mark = command->mark;
	if (command->fn != NULL)
		command->fn(command->ctx, command->tag, r);
	c->mark = outer;
	if (command->mark != NULL)
		(*command->mark)--;
	if (!c->keep)
		reply_free(r);
	c->keep = false;
}

/* Those in front whose reply was lost have had their turn. */
static void
answer_lost(struct client *c)
{
	struct command command;
	struct bytes raw;

	while (queue_first_lost(&c->pending)) {
		command = queue_pop(&c->pending, &raw);
		error_set(&c->error, EX_UNAVAILABLE,
		    "%s: the connection was lost before the reply, the outcome is unknown",
		    c->link.peer);
		answer(c, &command, NULL);
	}
}

/* The callbacks of all that is queued get NULL. Returns -1, c->error stays. */
static int
give_up(struct client *c)
{
	const struct error why = c->error;
	struct queue q[2] = { c->pending, c->later };
	size_t sent = c->pending.sent - c->pending.head;
	struct command command;
	struct bytes raw;
	size_t i;

	/* Replies that are under way could be taken for those of later commands. */
	if (c->pending.sent > c->pending.head)
		link_close(&c->link);
	memset(&c->pending, 0, sizeof(c->pending));
	memset(&c->later, 0, sizeof(c->later));
	c->later_attempts = c->attempts = 0;
	c->later_elsewhere = c->no_memory = false;
	c->giving_up = true;
	for (i = 0; i < 2; i++) {
		while (q[i].n > 0) {
			command = queue_pop(&q[i], &raw);
			/* Length 0: sent, and its reply lost before. What was put off was answered. */
			c->unsent = command.length > sent || (i == 1 && command.length > 0);
			sent -= c->unsent ? sent : command.length;
			answer(c, &command, NULL);
		}
		queue_free(&q[i]);
	}
	c->unsent = false;
	c->giving_up = false;
	c->error = why;
	return -1;
}

/* After an error reply that says "not now", or NOSCRIPT: queue the command for
 * later. 1 if so, 0 if the reply is to be handed out, -1 without memory. */
static int
postpone(struct client *c, struct command *command, struct bytes raw, const char *text)
{
	if (command->script != NULL && strncmp(text, "NOSCRIPT", 8) == 0) {
		if (queue_push_eval(&c->later, command, raw) == -1)
			return error_set(&c->error, EX_SOFTWARE, "no memory for a command");
		return 1;
	}
	if (!reply_temporary(text) || command->attempts + 1 >= c->options.retries)
		return 0;
	command->attempts++;
	if (queue_push_raw(&c->later, command, raw) == -1)
		return error_set(&c->error, EX_SOFTWARE, "no memory for a command");
	if (c->later_attempts == 0)
		snprintf(c->later_why, sizeof(c->later_why), "%s", text);
	if (command->attempts > c->later_attempts)
		c->later_attempts = command->attempts;
	if (reply_elsewhere(text))
		c->later_elsewhere = true;
	return 1;
}

/* The next reply belongs to the first command. */
static int
hand_out(struct client *c, struct reply *r)
{
	const char *text = reply_error(r);
	struct command command;
	struct bytes raw;
	int later = 0;

	if (!queue_first_sent(&c->pending)) {
		if (text != NULL)
			error_set(&c->error, EX_UNAVAILABLE, "%s: %s", c->link.peer, text);
		else
			error_set(&c->error, EX_PROTOCOL,
			    "%s: a reply to a command that was not sent", c->link.peer);
		reply_free(r);
		return -1;
	}
	command = queue_pop(&c->pending, &raw);
	if (text != NULL)
		later = postpone(c, &command, raw, text);
	if (later == 1) {
		reply_free(r);
		return 0;
	}
	c->attempts = 0;
	answer(c, &command, r);
	return later;
}

/* Is nothing under way on a connection that was not used for long? */
static bool
idle(const struct client *c)
{
	return c->pending.sent == c->pending.head && clock_mono_ms() - c->link.used_at > IDLE_MS;
}

void
client_push(struct client *c)
{
	struct queue *q = &c->pending;
	const size_t unsent = q->end - q->sent;
	size_t sent;

	if (unsent == 0 || c->full || c->link.transport == NULL || idle(c))
		return;
	sent = transport_push(c->link.transport, q->bytes + q->sent, unsent);
	q->sent += sent;
	c->full = sent < unsent;
}

/* Send what is queued, wait for a reply, hand out all that have come, or up to one whose callback
 * yields. -1 with c->error: the connection is of no more use. */
static int
exchange(struct client *c)
{
	struct reply *r;

	if (idle(c) && !transport_alive(c->link.transport))
		return error_set(&c->error, EX_UNAVAILABLE,
		    "%s: the server closed the idle connection", c->link.peer);
	if (link_next(&c->link, c->pending.bytes, c->pending.end, &c->pending.sent, &r,
	    client_deadline(c, c->options.timeout), &c->error) == -1)
		return -1;
	c->full = c->yield = false;
	do {
		if (hand_out(c, r) == -1)
			return -1;
		answer_lost(c);
		if (c->link.transport == NULL || c->yield)
			return 0;
		if (link_ready(&c->link, &r, &c->error) == -1)
			return -1;
	} while (r != NULL);
	return 0;
}

/* The connection failed with c->error. 0: to be tried again, else -1. */
static int
lost(struct client *c)
{
	struct error cause = c->error;
	bool idle = c->pending.sent == c->pending.head;
	size_t unknown;
	int64_t wait;

	link_close(&c->link);
	if ((unknown = queue_unsend(&c->pending)) > 0)
		error_set(&cause, c->error.exit, "%s (the outcome of %zu commands is unknown)",
		    c->error.text, unknown);
	c->error = cause;
	if (cause.exit != EX_UNAVAILABLE && cause.exit != EX_TEMPFAIL)
		return -1;
	if (client_may_go_on(c, cause.text, &c->error) == -1)
		return -1;
	if (++c->attempts >= c->options.retries)
		return -1;
	/* Nothing was under way: the server or something between just tired of us. */
	wait = idle && c->attempts == 1 ? 0 : client_backoff(c, c->attempts);
	log_warn("retry", "%s; attempt %d of %d in %lld ms", cause.text, c->attempts + 1,
	    c->options.retries, (long long)wait);
	return client_sleep(c, wait, cause.text, &c->error);
}

/* Make the commands that were put off the next ones, after a wait. */
static int
send_again(struct client *c)
{
	const struct queue none = c->pending;
	struct error cause;
	int64_t wait;

	if (c->later_attempts > 0) {
		error_set(&cause, EX_UNAVAILABLE, "%s: %s", c->link.peer, c->later_why);
		wait = client_backoff(c, c->later_attempts);
		log_warn("retry", "%s; %zu commands again, attempt %d of %d in %lld ms", cause.text,
		    c->later.n, c->later_attempts + 1, c->options.retries, (long long)wait);
		if (client_sleep(c, wait, cause.text, &c->error) == -1)
			return -1;
	}
	if (c->later_elsewhere)
		link_close(&c->link);
	c->pending = c->later;
	c->later = none;
	c->later_attempts = 0;
	c->later_elsewhere = false;
	return 0;
}

int
client_step(struct client *c)
{
	uint64_t before = c->handed;

	if (c->no_memory) {
		error_set(&c->error, EX_SOFTWARE, "no memory for a command");
		return give_up(c);
	}
	while (c->handed == before && client_pending(c) > 0) {
		if (c->pending.n == 0 && send_again(c) == -1)
			return give_up(c);
		if (c->link.transport == NULL && client_connect(c) == -1)
			return give_up(c);
		if (exchange(c) == -1 && lost(c) == -1)
			return give_up(c);
		answer_lost(c);
	}
	return 0;
}

int
client_drain(struct client *c)
{
	do {
		if (client_step(c) == -1)
			return -1;
	} while (client_pending(c) > 0);
	return 0;
}
