#include "job/run.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/duration.h"
#include "base/file.h"
#include "job/run_data.h"

/* A handler can reach nothing else. */
static volatile sig_atomic_t signal_came;

static void
on_signal(int signo)
{

	(void)signo;
	signal_came = 1;
}

void
signals_catch(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sigemptyset(&sa.sa_mask);
	sa.sa_handler = on_signal; /* no SA_RESTART: poll and sleep have to return */
	(void)sigaction(SIGTERM, &sa, NULL);
	(void)sigaction(SIGINT, &sa, NULL);
	sa.sa_handler = SIG_IGN;
	(void)sigaction(SIGPIPE, &sa, NULL);
}

bool
signals_came(void)
{

	return signal_came != 0;
}

const void *
run_options(const struct run *r)
{

	return r->options.job;
}

const struct settings *
run_settings(const struct run *r)
{

	return &r->settings;
}

struct client *
run_client(struct run *r)
{

	return r->client;
}

const struct redis_target *
run_target(const struct run *r)
{

	return &r->target;
}

struct result *
run_result(struct run *r)
{

	return r->result;
}

const char *
run_id(const struct run *r)
{

	return r->id;
}

const char *
run_host(const struct run *r)
{

	return r->host;
}

int
run_db(const struct run *r)
{

	return r->target.db;
}

bool
run_dry(const struct run *r)
{

	return r->options.dry;
}

bool
run_forced(const struct run *r)
{

	return r->options.force > 0;
}

int
run_force_count(const struct run *r)
{

	return r->options.force;
}

bool
run_quiet(const struct run *r)
{

	return r->options.quiet;
}

bool
run_verbose(const struct run *r)
{

	return r->options.verbose;
}

bool
run_json(const struct run *r)
{

	return r->options.json;
}

int64_t
run_now(const struct run *r)
{

	return client_now_ms(r->client);
}

bool
run_changes(const struct run *r)
{

	return !r->options.dry && !r->options.read_only && !r->job->read_only;
}

void
run_stop(struct run *r, bool calm, const char *why)
{

	if (r->stopped)
		return;
	r->stopped = true;
	r->calm = calm;
	(void)snprintf(r->why, sizeof(r->why), "%s", why);
	progress_end(&r->progress);
	log_event(calm ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, "run-stopped", NULL,
	    "%s: ending early%s", why, run_changes(r) ? "; nothing that was done is lost" : "");
}

int64_t
run_time_left(const struct run *r)
{
	int64_t left = r->deadline - clock_mono_ms();

	return left > 0 ? left : 0;
}

/* What is kept of the time to finish the batch in hand, report and release. */
static int64_t
reserve(const struct run *r)
{
	int64_t tenth = r->max_runtime / 10;

	return tenth < 2000 ? tenth : 2000;
}

bool
run_should_stop(struct run *r)
{
	char why[128], limit[32];

	if (r->stopped)
		return true;
	if (signals_came()) {
		run_stop(r, true, "a signal came");
		return true;
	}
	if (run_time_left(r) <= reserve(r)) {
		duration_human(r->max_runtime, limit, sizeof(limit));
		(void)snprintf(why, sizeof(why), "the time is up (%s)", limit);
		run_stop(r, false, why);
		return true;
	}
	return false;
}

bool
run_sleep(struct run *r, int64_t ms)
{
	struct error e = { 0 };
	/* The clock is rounded down: with one more, at least ${ms} have passed. */
	int64_t until = clock_mono_ms() + ms + 1, left;
	char why[128], wait[32];

	if (run_should_stop(r))
		return false;
	if (run_time_left(r) - reserve(r) < ms) {
		duration_human(ms, wait, sizeof(wait));
		(void)snprintf(why, sizeof(why), "the time left is too short to wait %s", wait);
		run_stop(r, false, why);
		return false;
	}
	while ((left = until - clock_mono_ms()) > 0) {
		(void)clock_sleep_ms(left < 1000 ? left : 1000);
		if (run_should_stop(r))
			return false;
		if (run_keep_lease(r, &e)) {
			run_stop(r, false, e.text);
			return false;
		}
	}
	return true;
}

bool
run_ask(struct run *r, const char *question)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	char answer[16];
	size_t n = 0;
	char c;

	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return false;
	progress_end(&r->progress);
	(void)fprintf(stderr, "%s Type \"yes\" to go on: ", question);
	(void)fflush(stderr);
	/* By poll and byte by byte: stdio would begin a read again that a signal cut
	 * short, and would wait for ever. */
	while (!run_should_stop(r)) {
		if (poll(&in, 1, 200) <= 0)
			continue;
		if (read(STDIN_FILENO, &c, 1) != 1)
			return false;
		if (c == '\n')
			return n == 3 && memcmp(answer, "yes", 3) == 0;
		if (n < sizeof(answer))
			answer[n++] = c;
	}
	return false;
}

int
run_state_path(const struct run *r, const char *name, struct buf *path)
{
	const char *dir = r->settings.job.state_dir;
	struct error e = { 0 };

	if (dir[0] == '\0')
		return 0;
	if (!r->options.dry && !r->options.read_only && file_make_directory(dir, 0700, &e))
		log_debug("state-dir", "%s", e.text);
	buf_printf(path, "%s/%s.%s", dir, r->job->name, name);
	return path->failed ? -1 : 0;
}
