#include "redis/link.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "redis/reply.h"

/* The parser keeps a buffer of up to this size between replies. */
#define READER_KEEP ((size_t)128 * 1024)
/* No reply is longer than Redis's own limit for one string, and some. */
#define REPLY_MAX_MB 600
#define REPLY_MAX ((size_t)REPLY_MAX_MB * 1024 * 1024)

int
link_open(struct link *l, const struct transport_options *o, int64_t deadline, struct error *e)
{
	if ((l->reader = reply_reader(&l->too_long)) == NULL)
		return error_set(e, EX_SOFTWARE, "no memory");
	l->reader->maxbuf = READER_KEEP;
	if ((l->transport = transport_open(o, deadline, e)) == NULL) {
		link_close(l);
		return -1;
	}
	l->unparsed = 0;
	l->answered = false;
	l->used_at = clock_mono_ms();
	return 0;
}

void
link_close(struct link *l)
{
	transport_close(l->transport);
	l->transport = NULL;
	if (l->reader != NULL)
		redisReaderFree(l->reader);
	l->reader = NULL;
}

/* What else the peer may be, from its first bytes. What they say is not shown:
 * a server that echoes could put a password into the log. */
static const char *
guess(const struct link *l)
{
	static const struct {
		const char *start;
		const char *what;
	} known[] = {
		{ "HTTP/", ": it answers as an HTTP server" },
		{ "<", ": it answers as an HTTP server" },
		{ "SSH-", ": it answers as an SSH server" },
		{ "220", ": it answers as a mail or FTP server" },
		{ "\x15\x03", ": it answers in TLS (rediss://)" },
		{ "ERROR\r\n", ": it answers as a memcached" },
	};
	const struct bytes said = { l->in, sizeof(l->in) };
	size_t i;

	if (l->answered)
		return "";
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (bytes_starts(said, bytes_str(known[i].start)))
			return known[i].what;
	return "";
}

int
link_ready(struct link *l, struct reply **r, struct error *e)
{
	struct reply *x;
	void *got = NULL;

	*r = NULL;
	if (redisReaderGetReply(l->reader, &got) != REDIS_OK) {
		if (l->too_long)
			return error_set(e, EX_PROTOCOL,
			    "%s: not a Redis%s (a list of more than %d, or of lists more than %d deep)",
			    l->peer, guess(l), REPLY_LIST_MAX, REPLY_DEPTH_MAX);
		if (l->reader->err == REDIS_ERR_OOM)
			return error_set(e, EX_SOFTWARE, "%s: no memory for a reply", l->peer);
		return error_set(e, EX_PROTOCOL, "%s: not a Redis%s (%s)", l->peer, guess(l),
		    l->reader->errstr);
	}
	if (got == NULL)
		return 0;
	/* hiredis 1.x reads RESP3 as well, which nobody has asked for. */
	x = got;
	if (x->type < REDIS_REPLY_STRING || x->type > REDIS_REPLY_ERROR) {
		reply_free(x);
		return error_set(e, EX_PROTOCOL, "%s: not a Redis%s (a reply of an unknown type)",
		    l->peer, guess(l));
	}
	l->unparsed = 0;
	l->answered = true;
	*r = x;
	return 0;
}

int
link_next(struct link *l, const char *out, size_t end, size_t *sent, struct reply **r,
    int64_t deadline, struct error *e)
{
	size_t gone, got;

	/* The server is to work while we read what it said before. */
	if (*sent < end)
		*sent += transport_push(l->transport, out + *sent, end - *sent);
	for (;;) {
		if (link_ready(l, r, e) == -1)
			return -1;
		if (*r != NULL)
			break;
		if (transport_move(l->transport, out + *sent, end - *sent, &gone, l->in,
		    sizeof(l->in), &got, deadline, e) == -1)
			return -1;
		*sent += gone;
		if (gone == 0 && got == 0 && l->cancelled != NULL && l->cancelled())
			return error_set(e, EX_TEMPFAIL, "%s: asked to end while waiting for a reply",
			    l->peer);
		l->unparsed += got;
		if (l->unparsed > REPLY_MAX)
			return error_set(e, EX_PROTOCOL, "%s: a reply of more than %d MB", l->peer,
			    REPLY_MAX_MB);
		if (got > 0 && redisReaderFeed(l->reader, l->in, got) != REDIS_OK)
			return error_set(e, EX_SOFTWARE, "%s: no memory for a reply", l->peer);
		/* Single bytes do not buy a peer more time. */
		if (got > 0 && clock_mono_ms() > deadline) {
			if (link_ready(l, r, e) == -1)
				return -1;
			if (*r == NULL)
				return error_set(e, EX_UNAVAILABLE,
				    "%s: timed out in the middle of a reply", l->peer);
			break;
		}
	}
	l->used_at = clock_mono_ms();
	return 0;
}
