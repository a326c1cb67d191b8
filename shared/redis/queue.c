#include "redis/queue.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A queue that once grew beyond this gives its memory back when it is empty. */
#define KEEP ((size_t)1024 * 1024)
/* "$", 20 digits, CRLF, and CRLF behind the argument. */
#define BULK_OVERHEAD 25

static int
reserve_bytes(struct queue *q, size_t n)
{
	char *p;
	size_t cap, used = q->end - q->head;

	if (n > SIZE_MAX / 4 - q->end)
		return -1;
	if (q->end == 0 && q->cap > KEEP && n <= KEEP) {
		free(q->bytes);
		q->bytes = NULL;
		q->cap = 0;
	}
	if (q->bytes != NULL && q->cap - q->end >= n)
		return 0;
	/* Answered bytes in front that are at least half as many as the rest pay for the move. */
	if (q->bytes != NULL && q->head >= used / 2 && q->cap - used >= n) {
		memmove(q->bytes, q->bytes + q->head, used);
		q->sent -= q->head;
		q->end = used;
		q->head = 0;
		return 0;
	}
	cap = q->cap < 4096 ? 4096 : q->cap;
	while (cap - q->end < n)
		cap *= 2;
	if ((p = realloc(q->bytes, cap)) == NULL)
		return -1;
	q->bytes = p;
	q->cap = cap;
	return 0;
}

/* The ${i}th unanswered command: v is a ring, and its size a power of two. */
static struct command *
at(const struct queue *q, size_t i)
{
	return &q->v[(q->first + i) & (q->vcap - 1)];
}

static int
reserve_command(struct queue *q)
{
	struct command *v;
	size_t cap;

	if (q->n < q->vcap)
		return 0;
	cap = q->vcap == 0 ? 64 : q->vcap * 2;
	if ((v = reallocarray(q->v, cap, sizeof(*v))) == NULL)
		return -1;
	/* It is full: those that stand in front of the first follow the last now. */
	memcpy(v + q->vcap, v, q->first * sizeof(*v));
	q->v = v;
	q->vcap = cap;
	return 0;
}

/* "<type><n>\r\n" */
static char *
put_count(char *p, char type, size_t n)
{
	char digits[20];
	size_t i = sizeof(digits);

	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	*p++ = type;
	memcpy(p, digits + i, sizeof(digits) - i);
	p += sizeof(digits) - i;
	*p++ = '\r';
	*p++ = '\n';
	return p;
}

static char *
put_bulk(char *p, struct bytes s)
{
	p = put_count(p, '$', s.n);
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	p += s.n;
	*p++ = '\r';
	*p++ = '\n';
	return p;
}

/* Enter the command whose bytes end at ${end}. Room for it was made before. */
static void
enter(struct queue *q, const struct command *command, const char *end)
{
	struct command *c = at(q, q->n++);

	*c = *command;
	c->length = (size_t)(end - q->bytes) - q->end;
	q->end += c->length;
}

int
queue_push(struct queue *q, const struct command *command, size_t head_n,
    const struct bytes *head, size_t argc, const struct bytes *argv)
{
	size_t i, size = BULK_OVERHEAD;
	char *p;

	for (i = 0; i < head_n + argc; i++) {
		const struct bytes *s = i < head_n ? &head[i] : &argv[i - head_n];

		if (s->n > SIZE_MAX / 4 - size)
			return -1;
		size += s->n + BULK_OVERHEAD;
	}
	if (reserve_command(q) == -1 || reserve_bytes(q, size) == -1)
		return -1;
	p = put_count(q->bytes + q->end, '*', head_n + argc);
	for (i = 0; i < head_n; i++)
		p = put_bulk(p, head[i]);
	for (i = 0; i < argc; i++)
		p = put_bulk(p, argv[i]);
	enter(q, command, p);
	return 0;
}

int
queue_push_raw(struct queue *q, const struct command *command, struct bytes raw)
{
	if (reserve_command(q) == -1 || reserve_bytes(q, raw.n) == -1)
		return -1;
	if (raw.n > 0)
		memcpy(q->bytes + q->end, raw.p, raw.n);
	enter(q, command, q->bytes + q->end + raw.n);
	return 0;
}

int
queue_push_eval(struct queue *q, const struct command *command, struct bytes evalsha)
{
	const struct bytes lead = B("$7\r\nEVALSHA\r\n$40\r\n");
	struct bytes body = bytes_str(command->script->body);
	size_t count = bytes_find(evalsha, '\n', 0) + 1; /* behind "*N\r\n" */
	size_t rest = count + lead.n + 40 + 2;           /* behind the digest */
	char *p;

	if (reserve_command(q) == -1 ||
	    reserve_bytes(q, evalsha.n + body.n + (size_t)2 * BULK_OVERHEAD) == -1)
		return -1;
	p = q->bytes + q->end;
	memcpy(p, evalsha.p, count);
	p = put_bulk(p + count, B("EVAL"));
	p = put_bulk(p, body);
	memcpy(p, evalsha.p + rest, evalsha.n - rest);
	enter(q, command, p + (evalsha.n - rest));
	at(q, q->n - 1)->script = NULL;
	return 0;
}

struct command
queue_pop(struct queue *q, struct bytes *raw)
{
	struct command c = *at(q, 0);

	*raw = (struct bytes){ q->bytes + q->head, c.length };
	q->head += c.length;
	q->first = (q->first + 1) & (q->vcap - 1);
	q->n--;
	/* All answered: begin at the front again. The bytes themselves stay for ${raw}. */
	if (q->n == 0 || q->head == q->end)
		q->head = q->sent = q->end = 0;
	return c;
}

bool
queue_first_lost(const struct queue *q)
{
	return q->n > 0 && at(q, 0)->length == 0;
}

bool
queue_first_sent(const struct queue *q)
{
	return q->n > 0 && q->sent - q->head >= at(q, 0)->length;
}

size_t
queue_unsend(struct queue *q)
{
	size_t i, from = q->head, to = from, lost = 0;

	for (i = 0; i < q->n; i++) {
		struct command *c = at(q, i);
		size_t n = c->length;

		/* Of a command sent in part nothing was executed. */
		if (n > 0 && c->repeat == CLIENT_ONCE && from + n <= q->sent) {
			c->length = 0;
			lost++;
		} else {
			c->resent |= n > 0 && from + n <= q->sent;
			memmove(q->bytes + to, q->bytes + from, n);
			to += n;
		}
		from += n;
	}
	q->end = to;
	q->sent = q->head;
	return lost;
}

void
queue_free(struct queue *q)
{
	free(q->bytes);
	free(q->v);
	memset(q, 0, sizeof(*q));
}
