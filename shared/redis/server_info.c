#include <stdio.h>
#include <string.h>

#include "redis/client_private.h"

/* "7.0.15" -> 70015. 0 if it is no version. */
static int
version_number(struct bytes text)
{
	int part[3] = { 0, 0, 0 };
	size_t i, at = 0;

	for (i = 0; i < 3 && at < text.n; i++, at++)
		for (; at < text.n && text.p[at] >= '0' && text.p[at] <= '9'; at++)
			if (part[i] < 1000)
				part[i] = part[i] * 10 + (text.p[at] - '0');
	return part[0] * 10000 + (part[1] > 99 ? 99 : part[1]) * 100 +
	    (part[2] > 99 ? 99 : part[2]);
}

static void
copy_text(struct bytes from, char *to, size_t size)
{
	size_t n = from.n < size ? from.n : size - 1;

	memcpy(to, from.p, n);
	to[n] = '\0';
}

static void
copy_number(struct bytes from, int64_t *to)
{
	uint64_t v;

	if (bytes_to_u64(from, &v) && v <= INT64_MAX)
		*to = (int64_t)v;
}

static void
take(struct server_info *s, struct bytes name, struct bytes value)
{
	if (bytes_equal(name, B("redis_version")))
		s->version = version_number(value);
	else if (bytes_equal(name, B("valkey_version")))
		s->valkey = true;
	else if (bytes_equal(name, B("run_id")))
		copy_text(value, s->run_id, sizeof(s->run_id));
	else if (bytes_equal(name, B("uptime_in_seconds")))
		copy_number(value, &s->uptime_s);
	else if (bytes_equal(name, B("used_memory")))
		copy_number(value, &s->used_memory);
	else if (bytes_equal(name, B("maxmemory")))
		copy_number(value, &s->maxmemory);
	else if (bytes_equal(name, B("maxmemory_policy")))
		copy_text(value, s->maxmemory_policy, sizeof(s->maxmemory_policy));
	else if (bytes_equal(name, B("evicted_keys")))
		copy_number(value, &s->evicted_keys);
	else if (bytes_equal(name, B("loading")))
		s->loading = bytes_equal(value, B("1"));
}

bool
server_info_parse(struct bytes text, struct server_info *s)
{
	size_t at, end, colon;

	for (at = 0; at < text.n; at = end + 1) {
		struct bytes line;

		end = bytes_find(text, '\n', at);
		line = (struct bytes){ text.p + at, end - at };
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		colon = bytes_find(line, ':', 0);
		if (colon < line.n)
			take(s, (struct bytes){ line.p, colon }, bytes_from(line, colon + 1));
	}
	return s->version > 0;
}
