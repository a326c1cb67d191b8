#include "base/command.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/command_child.h"
#include "base/duration.h"

#define GRACE_MS 2000 /* from TERM to KILL */
#define SLICE_MS 20   /* how often to look whether the process has ended */

struct running {
	struct command_child child;
	struct bytes input; /* what has not been written yet */
	struct buf *output;
	size_t output_left;
	bool ended;
	bool leave; /* at the time-out: do not end it */
	int wait_status;
};

static void
close_end(int *fd)
{
	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
}

static void
write_input(struct running *r)
{
	ssize_t n;

	while (r->child.input != -1 && r->input.n > 0) {
		n = write(r->child.input, r->input.p, r->input.n);
		if (n >= 0) {
			r->input = bytes_from(r->input, (size_t)n);
		} else if (errno == EAGAIN) {
			return;
		} else if (errno != EINTR) {
			break; /* EPIPE: it does not want to read, which is its right */
		}
	}
	close_end(&r->child.input);
}

/* Read what there is; at most ${rounds} times, so that a command that writes
 * without end cannot keep us from looking at the time. */
static void
read_output(struct running *r, int rounds)
{
	char chunk[16384];
	size_t take;
	ssize_t n;

	while (r->child.output != -1 && rounds-- > 0) {
		n = read(r->child.output, chunk, sizeof(chunk));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close_end(&r->child.output);
			return;
		}
		take = (size_t)n < r->output_left ? (size_t)n : r->output_left;
		buf_add(r->output, chunk, take);
		r->output_left -= take;
	}
}

/* Move bytes for at most ${ms}, and see whether the process has ended. */
static void
step(struct running *r, int64_t ms)
{
	struct pollfd pfd[2];

	/* poll() passes over a negative descriptor. */
	pfd[0] = (struct pollfd){ .fd = r->child.input, .events = POLLOUT };
	pfd[1] = (struct pollfd){ .fd = r->child.output, .events = POLLIN };
	if (poll(pfd, 2, ms < SLICE_MS ? (int)ms : SLICE_MS) > 0) {
		if (pfd[0].revents != 0)
			write_input(r);
		if (pfd[1].revents != 0)
			read_output(r, 16);
	}
	if (!r->ended && waitpid(r->child.pid, &r->wait_status, WNOHANG) == r->child.pid)
		r->ended = true;
}

/* Is anything left of the group (which can outlive the process)? */
static bool
group_is_there(const struct running *r)
{
	return !r->ended || kill(-r->child.pid, 0) == 0;
}

/* TERM, and KILL where that does not help. */
static void
end_group(struct running *r)
{
	int64_t until = clock_mono_ms() + GRACE_MS, now;

	(void)kill(-r->child.pid, SIGTERM);
	(void)kill(-r->child.pid, SIGCONT);
	while (group_is_there(r) && (now = clock_mono_ms()) < until)
		step(r, until - now);
	if (group_is_there(r))
		(void)kill(-r->child.pid, SIGKILL);
	/* Even KILL waits for a process that hangs in the kernel; we do not. */
	until = clock_mono_ms() + GRACE_MS;
	while (!r->ended && (now = clock_mono_ms()) < until)
		step(r, until - now);
}

static struct command_result
result_of(int wait_status)
{
	if (WIFSIGNALED(wait_status))
		return (struct command_result){ COMMAND_SIGNALED, WTERMSIG(wait_status) };
	return (struct command_result){ COMMAND_EXITED, WEXITSTATUS(wait_status) };
}

static struct command_result
attend(struct running *r, int64_t timeout_ms)
{
	int64_t start = clock_mono_ms(), passed;

	write_input(r);
	while (!r->ended && (passed = clock_mono_ms() - start) < timeout_ms)
		step(r, timeout_ms - passed);
	if (!r->ended) {
		if (!r->leave)
			end_group(r);
		return (struct command_result){ COMMAND_TIMEOUT, 0 };
	}
	/* What it wrote before it ended is in the pipe (at most 1 MB of it). A
	 * process that it left behind may hold the pipe open: not waited for. */
	read_output(r, 64);
	return result_of(r->wait_status);
}

static struct command_result
run(struct running *r, const char *command, const char *const *env, int64_t timeout_ms)
{
	struct sigaction ignore = { .sa_handler = SIG_IGN }, normal = { .sa_handler = SIG_DFL };
	struct sigaction pipe_before, child_before;
	struct command_result result;

	/* A command that does not read its input must not end us; and who was
	 * started with SIGCHLD ignored would never learn how a child ended. */
	(void)sigaction(SIGPIPE, &ignore, &pipe_before);
	(void)sigaction(SIGCHLD, &normal, &child_before);
	if (command_child_start(&r->child, command, env, r->output != NULL) == -1) {
		result = (struct command_result){ COMMAND_FAILED, errno };
	} else {
		result = attend(r, timeout_ms);
		close_end(&r->child.input);
		close_end(&r->child.output);
	}
	(void)sigaction(SIGCHLD, &child_before, NULL);
	(void)sigaction(SIGPIPE, &pipe_before, NULL);
	return result;
}

struct command_result
command_run(const char *command, const char *const *env, struct bytes input,
    struct buf *output, size_t output_max, int64_t timeout_ms)
{
	struct running r = { .input = input, .output = output, .output_left = output_max };

	return run(&r, command, env, timeout_ms);
}

struct command_result
command_run_leaving(const char *command, const char *const *env, int64_t timeout_ms)
{
	struct running r = { .leave = true };

	return run(&r, command, env, timeout_ms);
}

void
command_describe(const struct command_result *r, int64_t timeout_ms, char *out, size_t size)
{
	char limit[64];

	switch (r->end) {
	case COMMAND_EXITED:
		(void)snprintf(out, size, "exited with status %d", r->status);
		break;
	case COMMAND_SIGNALED:
		(void)snprintf(out, size, "was ended by signal %d", r->status);
		break;
	case COMMAND_TIMEOUT:
		duration_format(timeout_ms, limit, sizeof(limit));
		(void)snprintf(out, size, "took longer than %s", limit);
		break;
	case COMMAND_FAILED:
		(void)snprintf(out, size, "could not be started: %s", strerror(r->status));
		break;
	}
}
