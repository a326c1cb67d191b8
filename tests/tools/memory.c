/*
 * Drives what the jobs remember between runs, for the scenarios: one process
 * is one run. Reads a command a line, answers each with a line.
 *
 *	memory SOCKET
 *
 *	load                           "loaded N" (and "first" when there was no roster)
 *	see ID NOW VALUE|- PTTL [ACTIVITY]
 *	state ID STATE NOW
 *	forget NOW KEEP
 *	save KEEP
 *	show ID                        the entry as it would be stored, "none"
 *	holds                          "ID=UNTIL ..."
 *	hold ID UNTIL, unhold ID, covers ID NOW
 *	pause MS REASON, unpause, paused
 *	baseline FILE|-                "RUN_ID EVICTED ALIVE BEGAN AT", "none"
 *	leave FILE|- RUN_ID EVICTED ALIVE BEGAN AT KEEP
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coordination/brake.h"
#include "coordination/hold.h"
#include "coordination/roster.h"
#include "redis/client.h"

#define WORDS 8

struct memory {
	struct client *c;
	struct roster roster;
	char *words[WORDS]; /* of the line in hand */
	struct error e;
};

static int64_t
number(const struct memory *m, int i)
{

	return strtoll(m->words[i], NULL, 10);
}

static struct bytes
word(const struct memory *m, int i)
{

	return bytes_str(m->words[i]);
}

/* A file's name, "-" = none. */
static const char *
file(const struct memory *m, int i)
{

	return strcmp(m->words[i], "-") == 0 ? "" : m->words[i];
}

static int
load(struct memory *m)
{

	roster_free(&m->roster);
	if (roster_load(m->c, &m->roster, &m->e) != 0)
		return -1;
	printf("loaded %zu%s\n", map_count(m->roster.entries), m->roster.existed ? "" : " first");
	return 0;
}

static int
see(struct memory *m)
{
	struct sight s = { .now = number(m, 2), .heartbeat_pttl = number(m, 4) };
	struct roster_entry *e;

	s.heartbeat = strcmp(m->words[3], "-") != 0;
	s.heartbeat_bytes = s.heartbeat ? word(m, 3) : B("");
	s.activity = m->words[5][0] != '\0';
	s.activity_bytes = word(m, 5);
	if ((e = roster_observe(&m->roster, word(m, 1), &s)) == NULL)
		return error_set(&m->e, EX_SOFTWARE, "out of memory");
	puts(e->life_now ? "life" : "no life");
	return 0;
}

static int
state(struct memory *m)
{
	struct roster_entry *e = roster_find(&m->roster, word(m, 1));
	int i;

	for (i = 0; i < ROSTER_STATES; i++)
		if (strcmp(m->words[2], roster_state_name((enum roster_state)i)) == 0)
			break;
	if (e == NULL || i == ROSTER_STATES)
		return error_set(&m->e, EX_USAGE, "no such id or state");
	roster_set_state(e, (enum roster_state)i, number(m, 3));
	puts("ok");
	return 0;
}

static int
show(struct memory *m)
{
	struct roster_entry *e = roster_find(&m->roster, word(m, 1));
	struct buf text = { 0 };

	if (e == NULL) {
		puts("none");
		return 0;
	}
	roster_format(e, &text);
	puts(buf_cstr(&text));
	buf_free(&text);
	return 0;
}

static int
forget(struct memory *m)
{

	roster_forget_old(&m->roster, number(m, 1), number(m, 2));
	puts("ok");
	return 0;
}

static int
save(struct memory *m)
{

	if (roster_save(m->c, &m->roster, number(m, 1), &m->e) != 0)
		return -1;
	puts("ok");
	return 0;
}

static int
holds(struct memory *m)
{
	struct holds h;
	struct bytes id;
	size_t at = 0;
	void *value;

	if (holds_load(m->c, &h, &m->e) != 0)
		return -1;
	if (strcmp(m->words[0], "covers") == 0)
		printf("%s", holds_cover(&h, word(m, 1), number(m, 2)) ? "yes" : "no");
	else
		while (map_next(h.until, &at, &id, &value))
			printf("%.*s=%" PRId64 " ", (int)id.n, id.p, *(int64_t *)value);
	puts("");
	holds_free(&h);
	return 0;
}

static int
hold(struct memory *m)
{

	if (hold_put(m->c, word(m, 1), number(m, 2), &m->e) != 0)
		return -1;
	puts("ok");
	return 0;
}

static int
clear(struct memory *m)
{
	bool was;
	int rc;

	rc = strcmp(m->words[0], "unhold") == 0 ? hold_clear(m->c, word(m, 1), &was, &m->e) :
	    pause_clear(m->c, &was, &m->e);
	if (rc == 0)
		puts(was ? "was" : "was not");
	return rc;
}

static int
set_pause(struct memory *m)
{

	bool set;

	if (pause_set(m->c, m->words[2], number(m, 1), strcmp(m->words[3], "force") == 0, &set, &m->e) != 0)
		return -1;
	puts(set ? "ok" : "stays");
	return 0;
}

static int
paused(struct memory *m)
{
	struct buf reason = { 0 };
	int64_t left;
	bool is;
	int rc;

	if ((rc = pause_get(m->c, &is, &reason, &left, &m->e)) == 0 && is)
		printf("%" PRId64 " %.*s\n", left, (int)reason.n, reason.p);
	else if (rc == 0)
		puts("no");
	buf_free(&reason);
	return rc;
}

static int
baseline(struct memory *m)
{
	struct baseline b;
	bool found;

	if (baseline_load(m->c, file(m, 1), &b, &found, &m->e) != 0)
		return -1;
	if (found)
		printf("%s %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 "\n", b.run_id,
		    b.evicted_keys, b.alive, b.began, b.at);
	else
		puts("none");
	return 0;
}

static int
leave(struct memory *m)
{
	struct baseline b = { .evicted_keys = number(m, 3), .alive = number(m, 4),
		.began = number(m, 5), .at = number(m, 6) };

	(void)snprintf(b.run_id, sizeof(b.run_id), "%s", m->words[2]);
	if (baseline_save(m->c, file(m, 1), &b, number(m, 7), &m->e) != 0)
		return -1;
	puts("ok");
	return 0;
}

static const struct {
	const char *name;
	int (*run)(struct memory *m);
} commands[] = {
	{ "load", load }, { "see", see }, { "state", state }, { "show", show },
	{ "forget", forget }, { "save", save }, { "holds", holds }, { "covers", holds },
	{ "hold", hold }, { "unhold", clear }, { "pause", set_pause }, { "unpause", clear },
	{ "paused", paused }, { "baseline", baseline }, { "leave", leave },
};

static void
run(struct memory *m, char *line)
{
	static char nothing[] = "";
	char *at = line;
	size_t i;

	line[strcspn(line, "\n")] = '\0';
	for (i = 0; i < WORDS; i++)
		if ((m->words[i] = strsep(&at, " ")) == NULL)
			m->words[i] = nothing;
	memset(&m->e, 0, sizeof(m->e));
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, m->words[0]) == 0) {
			if (commands[i].run(m) != 0)
				printf("error %d %s\n", m->e.exit, m->e.text);
			return;
		}
	puts("error 64 no such command");
}

int
main(int argc, char **argv)
{
	struct client_options o = { .username = "", .password = "", .name = "memory",
		.connect_timeout = 20000, .timeout = 60000, .retries = 2, .backoff = 50,
		.backoff_max = 100 };
	struct memory m = { 0 };
	char line[4096];

	if (argc != 2)
		return EX_USAGE;
	o.transport.unix_path = argv[1];
	o.transport.host = o.transport.tls_ca_file = o.transport.tls_cert_file =
	    o.transport.tls_key_file = o.transport.tls_server_name = "";
	setvbuf(stdout, NULL, _IOLBF, 0);
	if ((m.c = client_open(&o, &m.e)) == NULL) {
		fprintf(stderr, "memory: %s\n", m.e.text);
		return m.e.exit;
	}
	while (fgets(line, sizeof(line), stdin) != NULL)
		run(&m, line);
	roster_free(&m.roster);
	client_close(m.c);
	return 0;
}
