#include <stdint.h>
#include <stdlib.h>

#include "redis/client.h"
#include "redis/reply.h"

/* Any bytes as what a server says, in two pieces: every reply can be walked to its end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
walk(const struct reply *r, int depth)
{
	struct bytes s;
	const char *text;
	int64_t v;
	size_t n, i;
	int kinds;

	if (depth > REPLY_DEPTH_MAX + 1)
		abort();
	if (reply_string(r, &s) && s.p[s.n] != '\0')
		abort();
	if (reply_array(r, &n)) {
		for (i = 0; i < n; i++)
			walk(reply_at(r, i), depth + 1);
		if (reply_at(r, n) != NULL)
			abort();
	}
	text = reply_error(r);
	if (text != NULL)
		(void)(reply_temporary(text) + reply_exit(text) + reply_refuses_key(r));
	kinds = reply_string(r, &s) + reply_array(r, &n) + (text != NULL) + reply_is_nil(r) +
	    reply_integer(r, &v);
	if (kinds > 1 || reply_kind(r) == NULL)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool too_long;
	redisReader *reader;
	void *r;
	size_t cut;

	if (size < 1 || (reader = reply_reader(&too_long)) == NULL)
		return 0;
	cut = size == 1 ? 0 : data[0] % size;
	data++;
	size--;
	if (cut > size)
		cut = size;
	for (int part = 0; part < 2; part++) {
		const char *p = (const char *)data + (part == 0 ? 0 : cut);

		if (redisReaderFeed(reader, p, part == 0 ? cut : size - cut) != REDIS_OK)
			break;
		while (redisReaderGetReply(reader, &r) == REDIS_OK && r != NULL) {
			walk(r, 1);
			reply_free(r);
		}
	}
	redisReaderFree(reader);
	return 0;
}
