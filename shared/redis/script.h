#ifndef REDIS_SCRIPT_H_
#define REDIS_SCRIPT_H_

#include "redis/client.h"

/* A SHA-1 in hex, as redis.sha1hex has it, and a NUL. */
#define SCRIPT_SHA1 41
/* That of ${s}. -1 if OpenSSL fails. */
int script_sha1(struct bytes s, char out[SCRIPT_SHA1]);

/* A Lua script with its SHA-1, as EVALSHA names it. */
struct script {
	const char *name;
	const char *body;
	char sha1[SCRIPT_SHA1];
};

/* Compute sha1 (OpenSSL). If that fails it is one that no script has: each call is then met with
 * NOSCRIPT, and sent again with the body. */
void script_init(struct script *s, const char *name, const char *body);
/* SCRIPT LOAD, so that a pipeline of script_add rarely meets NOSCRIPT. -1 with
 * ${e} (NOPERM, ...). Nothing is written to the keyspace. */
int script_load(struct client *c, const struct script *s, struct error *e);
/* Queue EVALSHA sha1 nkeys keys... args.... A NOSCRIPT reply is met by sending
 * EVAL with the body, behind what is queued already, before ${fn} is called. */
int script_add(struct client *c, const struct script *s, enum client_repeat repeat,
    client_fn *fn, void *ctx, size_t tag, size_t nkeys, size_t argc, const struct bytes *argv);
/* The same as one call; the caller frees the reply; NULL: client_error(). */
struct reply *script_call(struct client *c, const struct script *s, enum client_repeat repeat,
    size_t nkeys, size_t argc, const struct bytes *argv);

#endif
