/*
 * Write a data set as RESP commands for redis-cli --pipe, the same bytes for the same arguments:
 *
 *	generate fleet N NOW_MS    N coordinators with six keys each; every second one is stale
 *	generate deaths N NOW_MS   N coordinators that a roster knows, with five keys each; every
 *	                           hundredth is gone, has its last warning and three work items
 *	generate beside N NOW_MS   N keys of somebody else and 10,000 coordinators that are well
 *	generate mixed N NOW_MS    N keys, one in twenty coordination, half of those without a TTL
 *	generate coord N NOW_MS    N coordination keys, half of them without a TTL
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* SET ${key} ${value} [EX ${ttl}]; ttl 0 = none. */
static void
set(const char *key, const char *value, int ttl)
{
	char seconds[16];

	printf("*%d\r\n$3\r\nSET\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n", ttl > 0 ? 5 : 3, strlen(key),
	    key, strlen(value), value);
	if (ttl > 0) {
		snprintf(seconds, sizeof(seconds), "%d", ttl);
		printf("$2\r\nEX\r\n$%zu\r\n%s\r\n", strlen(seconds), seconds);
	}
}

static void
fleet(int64_t n, int64_t now, bool well)
{
	char key[128], value[256];

	for (int64_t i = 0; i < n; i++) {
		bool stale = !well && i % 2 == 1;
		int64_t stamp = stale ? now - 7200000 : now;

		snprintf(value, sizeof(value),
		    "{\"coordinatorId\":\"coord-%" PRId64 "\",\"timestamp\":%" PRId64
		    ",\"iteration\":3,\"phase\":\"loop3\",\"status\":\"active\"}",
		    i, stamp);
		snprintf(key, sizeof(key), "blocking:heartbeat:coord-%" PRId64, i);
		set(key, value, stale ? 0 : 300);
		snprintf(key, sizeof(key), "blocking:signal:coord-%" PRId64, i);
		set(key, value, 86400);
		snprintf(key, sizeof(key), "blocking:ack:coord-%" PRId64 ":m-%" PRId64, i, i);
		set(key, value, 3600);
		snprintf(key, sizeof(key), "blocking:state:coord-%" PRId64, i);
		set(key, "opaque", 3600);
		snprintf(key, sizeof(key), "blocking:warning:coord-%" PRId64, i);
		set(key, "1", 300);
		snprintf(value, sizeof(value),
		    "{\"coordinatorId\":\"coord-%" PRId64 "\",\"lastActivity\":%" PRId64 "}", i,
		    stamp);
		snprintf(key, sizeof(key), "coordinator:activity:coord-%" PRId64, i);
		set(key, value, 600);
	}
}

/* HSET coordkeep:roster: ${ident} has shown life until ${life}. */
static void
remember(const char *ident, int64_t life)
{
	char entry[256];

	snprintf(entry, sizeof(entry),
	    "v1 %" PRId64 " %" PRId64 " known 0 %016d %" PRId64 " %016d %" PRId64 " %" PRId64
	    " %" PRId64, life, life - 3600000, 1, life + 90000, 0, life - 3600000, life, life);
	printf("*4\r\n$4\r\nHSET\r\n$16\r\ncoordkeep:roster\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n",
	    strlen(ident), ident, strlen(entry), entry);
}

static void
work(const char *ident, int item)
{
	char key[128], value[256];

	snprintf(key, sizeof(key), "coordinator:work:swarm-1:%s:task-%d", ident, item);
	snprintf(value, sizeof(value),
	    "{\"workId\":\"task-%d\",\"assignedTo\":\"%s\",\"status\":\"in_progress\",\"data\":{\"n\":%d}}",
	    item, ident, item);
	set(key, value, 3600);
}

static void
deaths(int64_t n, int64_t now)
{
	char ident[64], key[128], value[256];

	for (int64_t i = 0; i < n; i++) {
		bool dead = i % 100 == 99;

		snprintf(ident, sizeof(ident), "coord-%" PRId64, i);
		snprintf(value, sizeof(value),
		    "{\"coordinatorId\":\"%s\",\"timestamp\":%" PRId64
		    ",\"iteration\":3,\"phase\":\"loop3\",\"status\":\"active\"}", ident, now);
		if (!dead) {
			snprintf(key, sizeof(key), "blocking:heartbeat:%s", ident);
			set(key, value, 90);
		} else {
			snprintf(key, sizeof(key), "blocking:warning:%s", ident);
			set(key, "3", 300);
			for (int item = 0; item < 3; item++)
				work(ident, item);
		}
		remember(ident, dead ? now - 300000 : now - 60000);
		snprintf(key, sizeof(key), "blocking:signal:%s", ident);
		set(key, value, 86400);
		snprintf(key, sizeof(key), "blocking:ack:%s:m-%" PRId64, ident, i);
		set(key, value, 3600);
		snprintf(key, sizeof(key), "blocking:state:%s", ident);
		set(key, "opaque", 3600);
	}
}

static void
coordination(int64_t i)
{
	static const char *const families[] = { "signal", "ack", "state", "idempotency:a" };
	char key[128];

	snprintf(key, sizeof(key), "blocking:%s:coord-%" PRId64 ":wake:1:%" PRId64,
	    families[i / 2 % 4], i, i);
	set(key, "{\"status\":\"received\"}", i % 2 == 0 ? 0 : 3600);
}

static void
foreign(int64_t i)
{
	char key[64];

	snprintf(key, sizeof(key), "session:%" PRId64, i);
	set(key, "somebody else's", i % 2 == 0 ? 0 : 86400);
}

int
main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: generate fleet|deaths|beside|mixed|coord N NOW_MS\n");
		return 64;
	}
	int64_t n = strtoll(argv[2], NULL, 10), now = strtoll(argv[3], NULL, 10);

	if (strcmp(argv[1], "fleet") == 0)
		fleet(n, now, false);
	else if (strcmp(argv[1], "deaths") == 0)
		deaths(n, now);
	else if (strcmp(argv[1], "beside") == 0) {
		fleet(10000, now, true);
		for (int64_t i = 0; i < n; i++)
			foreign(i);
	} else
		for (int64_t i = 0; i < n; i++) {
			if (strcmp(argv[1], "coord") == 0 || i % 20 == 0)
				coordination(strcmp(argv[1], "coord") == 0 ? i : i / 20);
			else
				foreign(i);
		}
	return fflush(stdout) == 0 ? 0 : 1;
}
