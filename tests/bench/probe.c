/*
 * Another client of the server: PING every half millisecond until SIGTERM or the end of stdin,
 * then the number, median, 99th percentile and maximum of the round trips in microseconds.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES (1 << 20)

static int64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int
main(int argc, char **argv)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	static int64_t took[SAMPLES];
	size_t n = 0;
	char pong[64];
	int s;

	if (argc != 2 || strlen(argv[1]) >= sizeof(a.sun_path)) {
		fprintf(stderr, "usage: probe SOCKET\n");
		return 64;
	}
	memcpy(a.sun_path, argv[1], strlen(argv[1]));
	if ((s = socket(AF_UNIX, SOCK_STREAM, 0)) < 0 ||
	    connect(s, (struct sockaddr *)&a, sizeof(a)) != 0) {
		perror(argv[1]);
		return 69;
	}
	while (n < SAMPLES) {
		struct pollfd in = { .fd = 0, .events = POLLIN };
		struct timespec half = { .tv_nsec = 500000 };
		int64_t start = now_us();

		if (write(s, "PING\r\n", 6) != 6 || read(s, pong, sizeof(pong)) <= 0)
			return 69;
		took[n++] = now_us() - start;
		if (poll(&in, 1, 0) != 0)
			break;
		nanosleep(&half, NULL);
	}
	qsort(took, n, sizeof(took[0]), compare);
	printf("%zu %jd %jd %jd\n", n, (intmax_t)took[n / 2], (intmax_t)took[n * 99 / 100],
	    (intmax_t)took[n - 1]);
	return 0;
}
