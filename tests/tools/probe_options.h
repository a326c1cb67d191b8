#ifndef TESTS_TOOLS_PROBE_OPTIONS_H_
#define TESTS_TOOLS_PROBE_OPTIONS_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "redis/client.h"

/* The options of probe.c. Its callers are tests: a word that is no number is 0. */
static inline int64_t
number_of(const char *word)
{
	return strtoll(word, NULL, 10);
}

/* What follows "NAME=" in ${word}, or NULL. */
static inline const char *
value_of(const char *word, const char *name)
{
	size_t n = strlen(name);

	return strncmp(word, name, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static inline struct client_options
usual_options(void)
{
	return (struct client_options){
		.transport = { .unix_path = "", .host = "127.0.0.1", .tls_ca_file = "",
		    .tls_cert_file = "", .tls_key_file = "", .tls_server_name = "" },
		.username = "", .password = "", .name = "coordkeep-probe", .need_master = true,
		.connect_timeout = 2000, .timeout = 5000, .retries = 3, .backoff = 20,
		.backoff_max = 200,
	};
}

/* Enter one option. False if it is none. */
static inline bool
take_option(struct client_options *o, const char *word)
{
	struct transport_options *t = &o->transport;
	const struct { const char *name; const char **to; } texts[] = {
		{ "--unix", &t->unix_path }, { "--host", &t->host }, { "--ca", &t->tls_ca_file },
		{ "--cert", &t->tls_cert_file }, { "--key", &t->tls_key_file },
		{ "--server-name", &t->tls_server_name }, { "--user", &o->username },
		{ "--name", &o->name },
	};
	const struct { const char *name; int64_t *to; } times[] = {
		{ "--connect-timeout", &o->connect_timeout }, { "--timeout", &o->timeout },
		{ "--backoff", &o->backoff }, { "--backoff-max", &o->backoff_max },
		{ "--deadline", &o->run_deadline },
	};
	const struct { const char *name; int *to; } numbers[] = {
		{ "--port", &t->port }, { "--db", &o->db }, { "--retries", &o->retries },
	};
	const char *v;
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if ((v = value_of(word, texts[i].name)) != NULL)
			return *texts[i].to = v, true;
	for (i = 0; i < sizeof(times) / sizeof(times[0]); i++)
		if ((v = value_of(word, times[i].name)) != NULL)
			return *times[i].to = number_of(v), true;
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if ((v = value_of(word, numbers[i].name)) != NULL)
			return *numbers[i].to = (int)number_of(v), true;
	if (strcmp(word, "--tls") == 0)
		return t->tls = true;
	if (strcmp(word, "--replica") == 0)
		return o->need_master = false, true;
	return false;
}

#endif
