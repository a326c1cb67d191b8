#include "redis/script.h"

#include <string.h>

/* EVP loads OpenSSL's providers: 2 MB and 2 ms a run, for what is a name and no secret. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include "redis/client_private.h"

int
script_sha1(struct bytes s, char out[SCRIPT_SHA1])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char digest[SHA_DIGEST_LENGTH];
	SHA_CTX ctx;
	size_t i;

	if (SHA1_Init(&ctx) != 1 || SHA1_Update(&ctx, s.p, s.n) != 1 ||
	    SHA1_Final(digest, &ctx) != 1)
		return -1;
	for (i = 0; i < sizeof(digest); i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[SCRIPT_SHA1 - 1] = '\0';
	return 0;
}

void
script_init(struct script *s, const char *name, const char *body)
{

	s->name = name;
	s->body = body;
	if (script_sha1(bytes_str(body), s->sha1) == 0)
		return;
	memset(s->sha1, '0', SCRIPT_SHA1 - 1);
	s->sha1[SCRIPT_SHA1 - 1] = '\0';
}

int
script_load(struct client *c, const struct script *s, struct error *e)
{
	struct reply *r;
	struct bytes sha1;
	int result = 0;

	r = CLIENT_CALL(c, CLIENT_REPEAT, B("SCRIPT"), B("LOAD"), bytes_str(s->body));
	if (r == NULL) {
		if (e != NULL)
			*e = *client_error(c);
		return -1;
	}
	if (!reply_string(r, &sha1) || !bytes_equal(sha1, bytes_str(s->sha1)))
		result = reply_fail(r, e, "SCRIPT LOAD of %s", s->name);
	reply_free(r);
	return result;
}

/* EVALSHA sha1 nkeys */
static void
lead(const struct script *s, size_t nkeys, char *number, struct bytes out[3])
{
	out[0] = B("EVALSHA");
	out[1] = bytes_str(s->sha1);
	out[2] = bytes_of_int((int64_t)nkeys, number);
}

int
script_add(struct client *c, const struct script *s, enum client_repeat repeat, client_fn *fn,
    void *ctx, size_t tag, size_t nkeys, size_t argc, const struct bytes *argv)
{
	const struct command command = { .fn = fn, .ctx = ctx, .tag = tag, .repeat = repeat,
		.script = s };
	struct bytes head[3];
	char number[24];

	lead(s, nkeys, number, head);
	return client_queue(c, &command, 3, head, argc, argv);
}

struct reply *
script_call(struct client *c, const struct script *s, enum client_repeat repeat, size_t nkeys,
    size_t argc, const struct bytes *argv)
{
	const struct command command = { .repeat = repeat, .script = s };
	struct bytes head[3];
	char number[24];

	lead(s, nkeys, number, head);
	return client_call_queued(c, &command, 3, head, argc, argv);
}
