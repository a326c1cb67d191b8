/*
 * The least that any client must do, as the floor that the jobs are measured against. No checks,
 * no retries, no journal; not to be used on data that anybody needs.
 *
 *	floor SOCKET scan COUNT    SCAN alone
 *	floor SOCKET scan2 COUNT   the same twice
 *	floor SOCKET ttl COUNT     SCAN, PTTL for coordination keys, EXPIRE for those without one
 *	floor SOCKET reap COUNT    SCAN with GET for heartbeats, SCAN again, UNLINK what stale ids own
 *
 * The next page is asked for before this page's commands: one exchange a page.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int fd;
static char in[1 << 20], out[1 << 22];
static size_t in_from, in_to, out_n;
static char cursor[32] = "0";

#define KEYS 65536
static struct {
	char p[256];
	size_t n;
} page[KEYS], asked[KEYS];
static size_t page_n, asked_n;

/* Ids found stale: a set by number, since generated ids are coord-<number>. */
static bool *stale;
static uint64_t stale_max;

static _Noreturn void
die(const char *what)
{
	perror(what);
	exit(69);
}

static void
flush(void)
{
	size_t at = 0;
	ssize_t n;

	while (at < out_n) {
		if ((n = write(fd, out + at, out_n - at)) <= 0)
			die("write");
		at += (size_t)n;
	}
	out_n = 0;
}

static void
add(const char *a, const char *b, size_t bn, const char *c, const char *d)
{
	int argc = 2 + (c != NULL) + (d != NULL);

	if (out_n > sizeof(out) - 4096)
		flush();
	out_n += (size_t)sprintf(out + out_n, "*%d\r\n$%zu\r\n%s\r\n$%zu\r\n", argc, strlen(a), a, bn);
	memcpy(out + out_n, b, bn);
	out_n += bn;
	if (c != NULL)
		out_n += (size_t)sprintf(out + out_n, "\r\n$%zu\r\n%s", strlen(c), c);
	if (d != NULL)
		out_n += (size_t)sprintf(out + out_n, "\r\n$%zu\r\n%s", strlen(d), d);
	out_n += (size_t)sprintf(out + out_n, "\r\n");
}

static void
fill(void)
{
	ssize_t n;

	if (in_from > 0) {
		memmove(in, in + in_from, in_to - in_from);
		in_to -= in_from;
		in_from = 0;
	}
	if ((n = read(fd, in + in_to, sizeof(in) - in_to)) <= 0)
		die("read");
	in_to += (size_t)n;
}

/* One line, without its type and end. */
static char *
line(void)
{
	char *end;

	while ((end = memchr(in + in_from, '\n', in_to - in_from)) == NULL)
		fill();
	char *start = in + in_from;
	end[-1] = '\0';
	in_from = (size_t)(end + 1 - in);
	return start;
}

static char *
bulk(size_t *n)
{
	int64_t size = strtoll(line() + 1, NULL, 10);

	if (size < 0) {
		*n = 0;
		return NULL;
	}
	while (in_to - in_from < (size_t)size + 2)
		fill();
	*n = (size_t)size;
	in_from += *n + 2;
	return in + in_from - *n - 2;
}

static void
read_page(void)
{
	size_t n;
	char *s;

	line();
	s = bulk(&n);
	memcpy(cursor, s, n);
	cursor[n] = '\0';
	page_n = (size_t)strtoul(line() + 1, NULL, 10);
	if (page_n > KEYS)
		die("a page too large");
	for (size_t i = 0; i < page_n; i++) {
		s = bulk(&n);
		page[i].n = n < sizeof(page[i].p) ? n : sizeof(page[i].p) - 1;
		memcpy(page[i].p, s, page[i].n);
		page[i].p[page[i].n] = '\0';
	}
}

static bool
ours(const char *key)
{
	return strncmp(key, "blocking:", 9) == 0 || strncmp(key, "coordinator:", 12) == 0;
}

static uint64_t
number(const char *key)
{
	const char *id = strstr(key, ":coord-");

	return id == NULL ? UINT64_MAX : strtoull(id + 7, NULL, 10);
}

static void
condemn(const char *key, const char *value, size_t n, int64_t now)
{
	const char *stamp = value == NULL ? NULL : memmem(value, n, "\"timestamp\":", 12);
	uint64_t id = number(key);

	if (stamp == NULL || now - strtoll(stamp + 12, NULL, 10) < 600000)
		return;
	if (id >= stale_max) {
		uint64_t more = id * 2 + 1024;

		if ((stale = realloc(stale, more)) == NULL)
			die("memory");
		memset(stale + stale_max, 0, more - stale_max);
		stale_max = more;
	}
	stale[id] = true;
}

enum what { SCAN, TTL, LOOK, UNLINK };

/* One pass. Returns how many keys were changed, or found stale. */
static uint64_t
pass(enum what what, const char *count, int64_t now)
{
	uint64_t done = 0;
	size_t writes = 0, n;

	strcpy(cursor, "0");
	add("SCAN", cursor, 1, "COUNT", count);
	flush();
	read_page();
	for (;;) {
		bool more = strcmp(cursor, "0") != 0;

		if (more)
			add("SCAN", cursor, strlen(cursor), "COUNT", count);
		asked_n = 0;
		for (size_t i = 0; i < page_n && what != SCAN; i++) {
			bool heartbeat = strncmp(page[i].p, "blocking:heartbeat:", 19) == 0;
			uint64_t id = what == UNLINK ? number(page[i].p) : 0;

			if (what == TTL && ours(page[i].p))
				add("PTTL", page[i].p, page[i].n, NULL, NULL);
			else if (what == LOOK && heartbeat)
				add("GET", page[i].p, page[i].n, NULL, NULL);
			else if (what == UNLINK && ours(page[i].p) && id < stale_max && stale[id])
				add("UNLINK", page[i].p, page[i].n, NULL, NULL);
			else
				continue;
			asked[asked_n++] = page[i];
		}
		flush();
		/* the EXPIREs of the page before went first */
		for (; writes > 0; writes--)
			line();
		if (more)
			read_page();
		for (size_t i = 0; i < asked_n; i++) {
			if (what == LOOK) {
				char *value = bulk(&n);

				condemn(asked[i].p, value, n, now);
			} else if (strtoll(line() + 1, NULL, 10) == (what == TTL ? -1 : 1)) {
				if (what == TTL) {
					add("EXPIRE", asked[i].p, asked[i].n, "86400", "NX");
					writes++;
				}
				done++;
			}
		}
		if (!more)
			break;
	}
	flush();
	for (; writes > 0; writes--)
		line();
	return done;
}

int
main(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct timespec t;
	uint64_t done;

	if (argc != 4 || strlen(argv[1]) >= sizeof(a.sun_path)) {
		fprintf(stderr, "usage: floor SOCKET scan|scan2|ttl|reap COUNT\n");
		return 64;
	}
	memcpy(a.sun_path, argv[1], strlen(argv[1]));
	if ((fd = socket(AF_UNIX, SOCK_STREAM, 0)) < 0 ||
	    connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
		die(argv[1]);
	clock_gettime(CLOCK_REALTIME, &t);
	int64_t now = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;

	if (strcmp(argv[2], "scan") == 0) {
		done = pass(SCAN, argv[3], now);
	} else if (strcmp(argv[2], "scan2") == 0) {
		pass(SCAN, argv[3], now);
		done = pass(SCAN, argv[3], now);
	} else if (strcmp(argv[2], "ttl") == 0) {
		done = pass(TTL, argv[3], now);
	} else {
		pass(LOOK, argv[3], now);
		done = pass(UNLINK, argv[3], now);
	}
	free(stale);
	printf("%" PRIu64 "\n", done);
	return 0;
}
