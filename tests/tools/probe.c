/*
 * Drives the redis floor for the scenarios: connects as its options say, does
 * one operation after the other, prints a line for each, and ends with the
 * exit code of the first error.
 *
 *	probe [--OPTION=VALUE ...] OPERATION [, OPERATION ...]
 *
 * The password is in $PROBE_PASSWORD. Operations, each ended by a word ",":
 *	call|once WORD...             one command, its reply
 *	pipe N repeat|once WORD...    N commands in one pipeline ("#" = 0 .. N-1)
 *	script N BODY KEY [ARG...]    N calls of a script in one pipeline
 *	load BODY                     SCRIPT LOAD
 *	scan gentle|fast [count=N] [rate=N] [match=P] [from=N] [stop=N] [end=N] [sync=N]
 *	     [body=LUA] [keys=no]     PTTL (or the script) of every key
 *	take KEY TTL WAIT, keep, release
 *	sync                          print "sync" and wait for a line on stdin
 *	server, refresh, now
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "redis/client.h"
#include "redis/lease.h"
#include "redis/scan.h"
#include "redis/script.h"

#include "probe_options.h"

static volatile sig_atomic_t ended;

static void
on_signal(int number)
{
	(void)number;
	ended = 1;
}

static bool
is_ended(void)
{
	return ended != 0;
}

static int
fail(const struct error *e)
{
	fprintf(stderr, "probe: %s\n", e->text);
	return e->exit;
}

static int
usage(const char *what)
{
	fprintf(stderr, "probe: %s: see the head of probe.c\n", what);
	return EX_USAGE;
}

static void
sync_with_test(void)
{
	char line[80];
	puts("sync");
	if (fgets(line, sizeof(line), stdin) == NULL)
		ended = 1;
}

static void
print_reply(const struct reply *r)
{
	struct buf text = { 0 };
	struct bytes s;
	int64_t v;
	size_t i, n;

	if (r == NULL) {
		printf("lost");
	} else if (reply_is_nil(r)) {
		printf("nil");
	} else if (reply_error(r) != NULL) {
		printf("error %s", reply_error(r));
	} else if (reply_integer(r, &v)) {
		printf("%" PRId64, v);
	} else if (reply_array(r, &n)) {
		for (i = 0; i < n; i++) {
			printf(i == 0 ? "[" : " ");
			print_reply(reply_at(r, i));
		}
		printf(n == 0 ? "[]" : "]");
	} else if (!reply_string(r, &s)) {
		printf("%s", reply_kind(r));
	} else if (s.n > 4096) {
		printf("%zu bytes", s.n);
	} else {
		buf_escaped(&text, s, 0);
		printf("%s", buf_cstr(&text));
	}
	buf_free(&text);
}

static int
do_call(struct client *c, enum client_repeat repeat, size_t argc, const struct bytes *argv)
{
	struct reply *r = client_call(c, repeat, argc, argv);

	if (r == NULL)
		return fail(client_error(c));
	print_reply(r);
	puts("");
	reply_free(r);
	return 0;
}

struct tally {
	size_t ok, error, lost, next;
	bool disorder;
	char last[160];
};

static void
on_reply(void *ctx, size_t tag, const struct reply *r)
{
	struct tally *t = ctx;

	if (tag != t->next++)
		t->disorder = true;
	if (r == NULL) {
		t->lost++;
	} else if (reply_error(r) != NULL) {
		t->error++;
		snprintf(t->last, sizeof(t->last), "%s", reply_error(r));
	} else {
		t->ok++;
	}
}

static int
finish_pipe(struct client *c, const struct tally *t, int result)
{
	if (client_drain(c) == -1)
		result = fail(client_error(c));
	printf("ok=%zu error=%zu lost=%zu order=%s %s\n", t->ok, t->error, t->lost,
	    t->disorder ? "no" : "yes", t->last);
	return result;
}

static int
do_pipe(struct client *c, size_t argc, const struct bytes *argv)
{
	enum client_repeat repeat = argv[1].p[0] == 'o' ? CLIENT_ONCE : CLIENT_REPEAT;
	struct tally t = { 0 };
	struct bytes words[16];
	char number[24];
	size_t i, j, n = strtoul(argv[0].p, NULL, 10);

	for (i = 0; i < n; i++) {
		for (j = 2; j < argc && j < 16; j++)
			words[j] = bytes_equal(argv[j], B("#")) ? bytes_of_int((int64_t)i, number)
			                                        : argv[j];
		client_add(c, repeat, on_reply, &t, i, j - 2, words + 2);
	}
	return finish_pipe(c, &t, 0);
}

static int
do_script(struct client *c, size_t argc, const struct bytes *argv)
{
	struct tally t = { 0 };
	struct script s;
	size_t i, n = strtoul(argv[0].p, NULL, 10);

	script_init(&s, "probe", argv[1].p);
	for (i = 0; i < n; i++)
		script_add(c, &s, CLIENT_REPEAT, on_reply, &t, i, 1, argc - 2, argv + 2);
	return finish_pipe(c, &t, 0);
}

struct scanning {
	struct client *c;
	struct script script;
	bool scripted, quiet;
	const struct bytes *keys;
	uint64_t page, stop, end, sync;
	uint64_t answered, errors;
};

struct waiting {
	struct scanning *s;
	struct bytes key; /* must still be there when the reply comes */
};

static void
on_key(void *ctx, size_t tag, const struct reply *r)
{
	struct waiting *w = ctx;
	struct buf text = { 0 };

	(void)tag;
	if (r != NULL && reply_error(r) == NULL)
		w->s->answered++;
	else
		w->s->errors++;
	if (r != NULL && !w->s->quiet) {
		buf_escaped(&text, w->key, 0);
		printf("key %s\n", buf_cstr(&text));
	}
	buf_free(&text);
	free(w);
}

static int
on_page(void *ctx, const struct bytes *keys, size_t n)
{
	struct scanning *s = ctx;
	size_t i;

	if (++s->page == s->sync)
		sync_with_test();
	for (i = 0; i < n; i++) {
		struct waiting *w = malloc(sizeof(*w));
		int r;

		if (w == NULL)
			return 1;
		*w = (struct waiting){ s, keys[i] };
		r = s->scripted ? script_add(s->c, &s->script, CLIENT_REPEAT, on_key, w, i, 1, 2,
		                      (struct bytes[]){ keys[i], keys[i] })
		                : CLIENT_ADD(s->c, CLIENT_REPEAT, on_key, w, i, B("PTTL"), keys[i]);
		if (r == -1)
			free(w);
	}
	return s->page == s->end;
}

static bool
is_stopped(void *ctx)
{
	const struct scanning *s = ctx;

	return is_ended() || (s->stop != 0 && s->page >= s->stop);
}

static int
do_scan(struct client *c, size_t argc, const struct bytes *argv)
{
	struct scanning s = { .c = c };
	struct scan_options o = { .mode = bytes_equal(argv[0], B("fast")) ? SCAN_FAST : SCAN_GENTLE };
	const struct scan_callbacks call = { .page = on_page, .stop = is_stopped, .ctx = &s };
	struct scan_result result;
	struct error e = { 0 };
	uint64_t from = 0;
	const char *v;
	size_t i;
	int r;

	for (i = 1; i < argc; i++) {
		if ((v = value_of(argv[i].p, "count")) != NULL)
			o.count = (int)number_of(v);
		else if ((v = value_of(argv[i].p, "rate")) != NULL)
			o.max_keys_per_second = number_of(v);
		else if ((v = value_of(argv[i].p, "match")) != NULL)
			o.match = v;
		else if ((v = value_of(argv[i].p, "from")) != NULL)
			from = strtoull(v, NULL, 10);
		else if ((v = value_of(argv[i].p, "stop")) != NULL)
			s.stop = strtoull(v, NULL, 10);
		else if ((v = value_of(argv[i].p, "end")) != NULL)
			s.end = strtoull(v, NULL, 10);
		else if ((v = value_of(argv[i].p, "sync")) != NULL)
			s.sync = strtoull(v, NULL, 10);
		else if ((v = value_of(argv[i].p, "body")) != NULL) {
			script_init(&s.script, "probe", v);
			s.scripted = true;
		} else if ((v = value_of(argv[i].p, "keys")) != NULL)
			s.quiet = strcmp(v, "no") == 0;
		else
			return usage(argv[i].p);
	}
	r = scan_run(c, &o, &call, from, &result, &e);
	printf("cursor=%" PRIu64 " keys=%" PRIu64 " pages=%" PRIu64 " complete=%s answered=%" PRIu64
	       " errors=%" PRIu64 "\n", result.cursor, result.keys, result.pages,
	    result.complete ? "yes" : "no", s.answered, s.errors);
	return r == -1 ? fail(&e) : 0;
}

static int
print_lease(enum lease_result result, const struct error *e)
{
	static const char *const names[] = { "held", "busy", "oom", "error" };

	puts(names[result]);
	return result == LEASE_HELD ? 0 : fail(e);
}

static int
print_server(struct client *c)
{
	const struct server_info *s = client_server(c);

	printf("version=%d run_id=%s uptime=%" PRId64 " used=%" PRId64 " max=%" PRId64
	       " policy=%s evicted=%" PRId64 " dbsize=%" PRId64 " loading=%d rtt=%" PRId64 "\n",
	    s->version, s->run_id, s->uptime_s, s->used_memory, s->maxmemory, s->maxmemory_policy,
	    s->evicted_keys, s->dbsize, s->loading, s->round_trip_us);
	return 0;
}

static int
do_lease(struct client *c, struct lease *l, size_t argc, const struct bytes *argv)
{
	struct error e = { 0 };

	if (argc == 4)
		return print_lease(lease_take(c, l, argv[1].p, number_of(argv[2].p), number_of(argv[3].p), &e),
		    &e);
	if (bytes_equal(argv[0], B("keep")))
		return print_lease(lease_keep(c, l, &e), &e);
	lease_release(c, l);
	return puts("released"), 0;
}

static int
do_load(struct client *c, const char *body)
{
	struct script s;
	struct error e = { 0 };

	script_init(&s, "probe", body);
	if (script_load(c, &s, &e) == -1)
		return fail(&e);
	return puts(s.sha1), 0;
}

static int
operate(struct client *c, struct lease *l, size_t argc, const struct bytes *argv)
{
	const char *what = argv[0].p;

	if (strcmp(what, "call") == 0 && argc > 1)
		return do_call(c, CLIENT_REPEAT, argc - 1, argv + 1);
	if (strcmp(what, "once") == 0 && argc > 1)
		return do_call(c, CLIENT_ONCE, argc - 1, argv + 1);
	if (strcmp(what, "pipe") == 0 && argc > 3)
		return do_pipe(c, argc - 1, argv + 1);
	if (strcmp(what, "script") == 0 && argc > 3)
		return do_script(c, argc - 1, argv + 1);
	if (strcmp(what, "load") == 0 && argc == 2)
		return do_load(c, argv[1].p);
	if (strcmp(what, "scan") == 0 && argc > 1)
		return do_scan(c, argc - 1, argv + 1);
	if ((strcmp(what, "take") == 0 && argc == 4) || strcmp(what, "keep") == 0 ||
	    strcmp(what, "release") == 0)
		return do_lease(c, l, argc, argv);
	if (strcmp(what, "server") == 0)
		return print_server(c);
	if (strcmp(what, "refresh") == 0)
		return client_refresh(c) == -1 ? fail(client_error(c)) : print_server(c);
	if (strcmp(what, "sync") == 0)
		return sync_with_test(), 0;
	if (strcmp(what, "now") == 0)
		return printf("%" PRId64 "\n", client_now_ms(c)), 0;
	if (strcmp(what, "moved") == 0)
		return puts(client_moved(c) ? "moved" : "same"), 0;
	return usage(what);
}

int
main(int argc, char **argv)
{
	struct client_options o = usual_options();
	const struct sigaction action = { .sa_handler = on_signal };
	struct bytes words[64];
	struct lease lease = { 0 };
	struct error e = { 0 };
	struct client *c;
	size_t n = 0;
	int i, result = 0;

	o.cancelled = is_ended;
	setvbuf(stdout, NULL, _IOLBF, 1 << 16);
	sigaction(SIGTERM, &action, NULL);
	if (getenv("PROBE_PASSWORD") != NULL)
		o.password = getenv("PROBE_PASSWORD");
	for (i = 1; i < argc && take_option(&o, argv[i]); i++)
		;
	if (o.run_deadline != 0)
		o.run_deadline += clock_mono_ms();
	if ((c = client_open(&o, &e)) == NULL)
		return fail(&e);
	for (; i <= argc && result == 0; i++) {
		if (i < argc && strcmp(argv[i], ",") != 0 && n < 64)
			words[n++] = bytes_str(argv[i]);
		else if (n > 0)
			result = operate(c, &lease, n, words), n = 0;
	}
	client_close(c);
	return result;
}
