#ifndef REDIS_QUEUE_H_
#define REDIS_QUEUE_H_

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "redis/client.h"
#include "redis/script.h"

/*
 * Commands on their way, in order, with their bytes as they go to the server
 * (RESP2: an array of bulk strings). The bytes stay until the command is
 * answered, so that it can be sent again. For the inside of this floor only.
 */
struct command {
	client_fn *fn;
	void *ctx;
	size_t tag;
	size_t length;               /* its bytes; 0: its reply was lost, fn gets NULL in its turn */
	size_t *mark;                /* counts the unanswered commands of one page, or NULL */
	const struct script *script; /* sent as EVALSHA: NOSCRIPT is met with EVAL, or NULL */
	enum client_repeat repeat;
	short attempts;              /* temporary error replies so far */
	bool resent;                 /* it was sent before, whole, and the reply was lost */
};

struct queue {
	char *bytes;
	size_t head, sent, end, cap; /* first unanswered byte, first unsent one, end */
	struct command *v;
	size_t first, n, vcap;       /* a ring: n unanswered ones from v[first] on */
};

/* Append a command whose arguments are ${head} and then ${argv}; command->length
 * is set here. -1 without memory (nothing changed). */
int queue_push(struct queue *q, const struct command *command, size_t head_n,
    const struct bytes *head, size_t argc, const struct bytes *argv);
/* Append one that is already formatted. */
int queue_push_raw(struct queue *q, const struct command *command, struct bytes raw);
/* Append one that is formatted as EVALSHA, as EVAL with the body of its script, which it no longer
 * names. */
int queue_push_eval(struct queue *q, const struct command *command, struct bytes evalsha);
/* Take the first command; its bytes are valid until the next change. */
struct command queue_pop(struct queue *q, struct bytes *raw);
/* Was the reply to the first command lost? */
bool queue_first_lost(const struct queue *q);
/* Has the first command been handed to the kernel whole? */
bool queue_first_sent(const struct queue *q);
/* The connection is gone. What was sent whole and may not be repeated loses its
 * bytes (length 0); everything else is unsent again. Return how many were lost. */
size_t queue_unsend(struct queue *q);
void queue_free(struct queue *q);

#endif
