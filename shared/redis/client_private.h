#ifndef REDIS_CLIENT_PRIVATE_H_
#define REDIS_CLIENT_PRIVATE_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "redis/client.h"
#include "redis/link.h"
#include "redis/queue.h"
#include "redis/script.h"

/* The inside of a client, for the other files of this floor. */
struct client {
	struct client_options options;
	struct link link;
	struct queue pending;       /* sent, or to be sent next */
	struct queue later;         /* answered "not now", or to be sent again as EVAL */
	int later_attempts;         /* of the command in it that has most; 0: no need to wait */
	bool later_elsewhere;       /* connect anew before */
	char later_why[160];        /* the error reply that put the first one there */
	struct server_info server;
	int64_t clock_offset_us;    /* Redis's clock minus the monotonic clock */
	int attempts;               /* failed in a row since the last reply */
	uint64_t handed;            /* replies handed out so far */
	size_t *mark;               /* commands added now count there */
	bool keep;                  /* the callback that runs keeps its reply */
	bool full;                  /* the kernel took no more: nothing is pushed before a reply */
	bool yield;                 /* hand out no further reply in this step */
	bool giving_up;             /* callbacks get NULL and may add nothing */
	bool resent;                /* the command whose callback runs was sent more than once */
	bool unsent;                /* the command whose callback gets NULL was never sent whole */
	bool no_memory;             /* a command could not be queued */
	bool moved;
	struct error error;
};

/* client_add with all that a command can have. */
int client_queue(struct client *c, const struct command *command, size_t head_n,
    const struct bytes *head, size_t argc, const struct bytes *argv);
/* client_call for a script, or with ${script} NULL for a plain command. */
struct reply *client_call_queued(struct client *c, const struct command *command,
    size_t head_n, const struct bytes *head, size_t argc, const struct bytes *argv);
/* In a callback: the reply is kept, to be freed with reply_free. */
struct reply *client_keep(struct client *c, const struct reply *r);
/* In a callback: client_step ends after it, though more replies may be there already. What is
 * queued before the next step is then sent before they are handed out. */
void client_yield(struct client *c);
/* Sleep ${ms}, not beyond the run's deadline and not when cancelled: -1 with
 * ${e} (EX_TEMPFAIL) that ends in ${why}. */
int client_sleep(const struct client *c, int64_t ms, const char *why, struct error *e);
/* The wait before attempt ${attempt} + 1: doubled each time, the half of it at random. */
int64_t client_backoff(const struct client *c, int attempt);
/* Is the run to end? -1 with ${e} (EX_TEMPFAIL) that ends in ${why}. */
int client_may_go_on(const struct client *c, const char *why, struct error *e);
/* ${ms} from now, but not beyond the run's deadline. */
int64_t client_deadline(const struct client *c, int64_t ms);

/* Connect and greet, with retries; c->attempts counts on. -1 with c->error; then not connected,
 * except when c->moved was set. */
int client_connect(struct client *c);
/* One attempt to greet over the open link: AUTH, SELECT, SETNAME, ROLE, INFO, DBSIZE, TIME.
 * -1 with ${e}; *final: trying again is no use. */
int client_greet(struct client *c, struct server_info *server, int64_t *clock_offset_us,
    bool *final, struct error *e);

/* Read the text of INFO. False if it is not that of a Redis. Pure. */
bool server_info_parse(struct bytes text, struct server_info *s);

#endif
