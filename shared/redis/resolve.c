#include "redis/resolve.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

/* All that the thread uses, which may outlive the call. */
struct lookup {
	struct gaicb request;
	struct addrinfo hints;
	char port[16];
	char host[];
};

static struct lookup *
lookup_new(const char *host, int port)
{
	const size_t size = strlen(host) + 1;
	struct lookup *l = calloc(1, sizeof(*l) + size);

	if (l == NULL)
		return NULL;
	memcpy(l->host, host, size);
	snprintf(l->port, sizeof(l->port), "%d", port);
	l->hints = (struct addrinfo){ .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV };
	l->request = (struct gaicb){ .ar_name = l->host, .ar_service = l->port,
		.ar_request = &l->hints };
	return l;
}

/* 0 or an EAI_ code; EAI_INPROGRESS: the deadline passed. */
static int
await(struct lookup *l, int64_t deadline)
{
	const struct gaicb *list[] = { &l->request };
	struct timespec left;
	int64_t ms;
	int r;

	while ((r = gai_error(&l->request)) == EAI_INPROGRESS) {
		if ((ms = deadline - clock_mono_ms()) <= 0)
			return r;
		left = (struct timespec){ .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
		if (gai_suspend(list, 1, &left) == EAI_INTR)
			return EAI_INTR;
	}
	return r;
}

/* Give up. True: the thread uses it no more. */
static bool
drop(struct lookup *l)
{
	int r = gai_cancel(&l->request);

	if (r == EAI_ALLDONE && gai_error(&l->request) == 0)
		freeaddrinfo(l->request.ar_result);
	return r != EAI_NOTCANCELED;
}

struct addrinfo *
resolve(const char *host, int port, int64_t deadline, const char **why)
{
	struct lookup *l = lookup_new(host, port);
	struct gaicb *list[1];
	struct addrinfo *found = NULL;
	int r;

	if (l == NULL) {
		*why = strerror(ENOMEM);
		return NULL;
	}
	/* An address needs nobody's answer, and no thread. */
	l->hints.ai_flags |= AI_NUMERICHOST;
	r = getaddrinfo(l->host, l->port, &l->hints, &found);
	if (r == EAI_NONAME) {
		l->hints.ai_flags &= ~AI_NUMERICHOST;
		list[0] = &l->request;
		if ((r = getaddrinfo_a(GAI_NOWAIT, list, 1, NULL)) == 0)
			r = await(l, deadline);
		if (r == 0)
			found = l->request.ar_result;
		else if ((r == EAI_INPROGRESS || r == EAI_INTR) && !drop(l))
			l = NULL;
	}
	free(l);
	if (r == 0)
		return found;
	*why = r == EAI_INPROGRESS ? "timed out, no name server answers" : gai_strerror(r);
	errno = r == EAI_INTR ? EINTR : 0;
	return NULL;
}
