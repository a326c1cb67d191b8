#include "redis/transport.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "redis/resolve.h"
#include "redis/tls.h"

/* Not to overflow the timeout of poll. */
#define CONNECT_MAX_MS 3600000

struct transport {
	int fd;
	struct tls *tls;
	bool more;      /* the last read filled its buffer: read before waiting */
	char peer[300]; /* for messages */
};

void
transport_name(const struct transport_options *o, char *out, size_t size)
{
	if (o->unix_path[0] != '\0')
		snprintf(out, size, "%s", o->unix_path);
	else
		snprintf(out, size, strchr(o->host, ':') != NULL ? "[%s]:%d" : "%s:%d", o->host,
		    o->port);
}

/* Wait for ${events}. 1; 0 when ${deadline} has passed; -1 with errno, which is EAGAIN when it has
 * not, but ${longest} ms have. */
static int
wait_for(int fd, short events, int64_t deadline, int longest)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left = deadline - clock_mono_ms();
	int ready;

	/* Too late: what is there already still counts. */
	if (left < 0)
		left = 0;
	ready = poll(&p, 1, left > longest ? longest : (int)left);
	if (ready == 0 && left > longest) {
		errno = EAGAIN;
		return -1;
	}
	return ready;
}

/* Connect ${fd}. 0, or -1 with errno (ETIMEDOUT: the deadline has passed; EINTR). */
static int
connect_before(int fd, const struct sockaddr *sa, socklen_t n, int64_t deadline)
{
	socklen_t size = sizeof(int);
	int r, failed = 0;

	while (connect(fd, sa, n) == -1) {
		if (errno == EINPROGRESS)
			break;
		if (errno != EAGAIN)
			return -1;
		/* A unix socket whose backlog is full: nothing to poll for. */
		if (clock_mono_ms() >= deadline) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (clock_sleep_ms(10) == -1) {
			errno = EINTR;
			return -1;
		}
	}
	if ((r = wait_for(fd, POLLOUT, deadline, CONNECT_MAX_MS)) == 0)
		errno = ETIMEDOUT;
	if (r <= 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) == -1)
		return -1;
	errno = failed;
	return failed == 0 ? 0 : -1;
}

static int
fail_connect(const struct transport *t, int cause, struct error *e)
{
	if (cause == EINTR)
		return error_set(e, EX_TEMPFAIL, "%s: interrupted while connecting", t->peer);
	if (cause == EACCES || cause == EPERM)
		return error_set(e, EX_NOPERM, "%s: cannot connect: %s", t->peer,
		    strerror(cause));
	if (cause == ETIMEDOUT)
		return error_set(e, EX_UNAVAILABLE, "%s: timed out while connecting", t->peer);
	return error_set(e, EX_UNAVAILABLE, "%s: cannot connect: %s", t->peer,
	    strerror(cause));
}

static int
open_unix(struct transport *t, const char *path, int64_t deadline, struct error *e)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t n = strlen(path);

	if (n >= sizeof(sa.sun_path))
		return error_set(e, EX_CONFIG, "%s: the path of a unix socket has %zu bytes at most",
		    path, sizeof(sa.sun_path) - 1);
	memcpy(sa.sun_path, path, n + 1);
	t->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd == -1)
		return error_set(e, EX_UNAVAILABLE, "socket: %s", strerror(errno));
	if (connect_before(t->fd, (struct sockaddr *)&sa, sizeof(sa), deadline) == -1)
		return fail_connect(t, errno, e);
	return 0;
}

/* Try one address. 0, or -1 with errno and t->fd closed. */
static int
open_address(struct transport *t, const struct addrinfo *a, int64_t deadline)
{
	int saved, on = 1;

	t->fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (t->fd == -1)
		return -1;
	if (setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
	    connect_before(t->fd, a->ai_addr, a->ai_addrlen, deadline) == 0)
		return 0;
	saved = errno;
	close(t->fd);
	t->fd = -1;
	errno = saved;
	return -1;
}

static int
open_tcp(struct transport *t, const struct transport_options *o, int64_t deadline,
    struct error *e)
{
	struct addrinfo *all, *a;
	const char *why;
	int64_t now;
	int left = 0, cause = 0;

	if ((all = resolve(o->host, o->port, deadline, &why)) == NULL)
		return errno == EINTR ? fail_connect(t, EINTR, e) :
		    error_set(e, EX_UNAVAILABLE, "%s: the name cannot be resolved: %s", t->peer, why);
	for (a = all; a != NULL; a = a->ai_next)
		left++;
	/* Each address gets its share of the time, so that one that is dead does not take it all. */
	for (a = all; a != NULL && t->fd == -1; a = a->ai_next, left--) {
		now = clock_mono_ms();
		if (open_address(t, a, now + (deadline - now) / left) == 0)
			break;
		cause = errno;
		if (cause == EINTR)
			break;
	}
	freeaddrinfo(all);
	return t->fd != -1 ? 0 : fail_connect(t, cause, e);
}

/* Does a server that is silent under TLS answer a PING in plain text? That is
 * all that is ever said to it: the answer serves the message alone. A Redis
 * waits for the line end that no TLS greeting seems to have, to its C. */
static bool
answers_plain_text(const struct transport_options *o, int64_t deadline)
{
	static const char ping[] = "PING\r\n";
	struct transport_options plain = *o;
	struct transport *t;
	size_t sent, at = 0, got = 0;
	char in[16];

	plain.tls = false;
	if ((t = transport_open(&plain, deadline, NULL)) == NULL)
		return false;
	while (got == 0 && clock_mono_ms() < deadline &&
	    transport_move(t, ping + at, sizeof(ping) - 1 - at, &sent, in, sizeof(in), &got,
	    deadline, NULL) == 0)
		at += sent;
	transport_close(t);
	return got > 0 && (in[0] == '+' || in[0] == '-');
}

static int
begin_tls(struct transport *t, const struct transport_options *o, int64_t deadline,
    struct error *e)
{
	int64_t now = clock_mono_ms();
	bool silent;

	/* A quarter of the time is kept for a look at why nothing came. */
	t->tls = tls_open(t->fd, o, t->peer, deadline - (deadline - now) / 4, &silent, e);
	if (t->tls != NULL)
		return 0;
	if (silent && answers_plain_text(o, deadline))
		error_set(e, EX_PROTOCOL, "%s: no TLS there: the server answers in plain text",
		    t->peer);
	return -1;
}

struct transport *
transport_open(const struct transport_options *o, int64_t deadline, struct error *e)
{
	struct transport *t;

	if ((t = calloc(1, sizeof(*t))) == NULL) {
		error_set(e, EX_SOFTWARE, "no memory");
		return NULL;
	}
	t->fd = -1;
	transport_name(o, t->peer, sizeof(t->peer));
	if ((o->unix_path[0] != '\0' ? open_unix(t, o->unix_path, deadline, e)
	                             : open_tcp(t, o, deadline, e)) == -1)
		goto err0;
	if (o->tls && begin_tls(t, o, deadline, e) == -1)
		goto err0;
	return t;
err0:
	transport_close(t);
	return NULL;
}

void
transport_close(struct transport *t)
{
	if (t == NULL)
		return;
	tls_close(t->tls);
	if (t->fd != -1)
		close(t->fd);
	free(t);
}

bool
transport_alive(const struct transport *t)
{
	char byte;
	ssize_t n = recv(t->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR));
}

/* As tls_read and tls_write. */
static ssize_t
plain_result(const struct transport *t, ssize_t n, short event, short *want, struct error *e)
{
	if (n > 0)
		return n;
	if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
		*want = event;
		return 0;
	}
	if (n == 0 || errno == EPIPE)
		return error_set(e, EX_UNAVAILABLE, "%s: the server closed the connection",
		    t->peer);
	return error_set(e, EX_UNAVAILABLE, "%s: %s", t->peer, strerror(errno));
}

static ssize_t
send_some(struct transport *t, const void *p, size_t n, short *want, struct error *e)
{
	if (t->tls != NULL)
		return tls_write(t->tls, p, n, want, e);
	return plain_result(t, send(t->fd, p, n, MSG_NOSIGNAL), POLLOUT, want, e);
}

static ssize_t
receive_some(struct transport *t, void *p, size_t n, short *want, struct error *e)
{
	ssize_t r;

	if (t->tls != NULL) {
		r = tls_read(t->tls, p, n, want, e);
		t->more = r > 0 && tls_has_more(t->tls);
	} else {
		r = plain_result(t, recv(t->fd, p, n, 0), POLLIN, want, e);
		t->more = r == (ssize_t)n;
	}
	return r;
}

int
transport_move(struct transport *t, const void *out, size_t out_n, size_t *sent, void *in,
    size_t in_n, size_t *received, int64_t deadline, struct error *e)
{
	struct error late = { 0 };
	short want_out = POLLOUT, want_in = POLLIN;
	bool look = t->more;
	ssize_t w = 0, r = 0;
	int ready;

	*sent = *received = 0;
	for (;;) {
		if (out_n > 0 && (w = send_some(t, out, out_n, &want_out, &late)) > 0)
			*sent = (size_t)w;
		/* A server that refuses us answers and closes: its word is worth more than EPIPE. */
		if (in_n > 0 && (look || w == -1)) {
			if ((r = receive_some(t, in, in_n, &want_in, e)) > 0)
				*received = (size_t)r;
			else if (r == -1 && *sent == 0)
				return -1;
		}
		if (*sent > 0 || *received > 0)
			return 0;
		if (w == -1) {
			if (e != NULL)
				*e = late;
			return -1;
		}
		ready = wait_for(t->fd, (short)((out_n > 0 ? want_out : 0) | (in_n > 0 ? want_in : 0)),
		    deadline, TRANSPORT_LOOK_MS);
		if (ready == -1 && (errno == EINTR || errno == EAGAIN))
			return 0;
		if (ready == -1)
			return error_set(e, EX_UNAVAILABLE, "%s: poll: %s", t->peer, strerror(errno));
		if (ready == 0)
			return error_set(e, EX_UNAVAILABLE, "%s: timed out waiting for %s", t->peer,
			    out_n > 0 ? "it to read what was sent" : "a reply");
		look = true;
	}
}

size_t
transport_push(struct transport *t, const void *out, size_t n)
{
	struct error ignored = { 0 };
	short want = 0;
	ssize_t w = send_some(t, out, n, &want, &ignored);

	return w > 0 ? (size_t)w : 0;
}
