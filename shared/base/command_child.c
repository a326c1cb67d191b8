#include "base/command_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void
close_pair(int pair[2])
{
	int saved = errno, i;

	for (i = 0; i < 2; i++) {
		if (pair[i] != -1)
			(void)close(pair[i]);
		pair[i] = -1;
	}
	errno = saved;
}

/* A pipe whose ends are both above 2, even if we were started without 0, 1 or
 * 2: so the child can put its ends there in any order. */
static int
open_pipe(int pair[2])
{
	int i, fd, saved;

	if (pipe2(pair, O_CLOEXEC) == -1) {
		pair[0] = pair[1] = -1;
		return -1;
	}
	for (i = 0; i < 2; i++) {
		if (pair[i] > STDERR_FILENO)
			continue;
		fd = fcntl(pair[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
		saved = errno;
		(void)close(pair[i]);
		pair[i] = fd;
		if (fd == -1) {
			errno = saved;
			close_pair(pair);
			return -1;
		}
	}
	return 0;
}

/* Is ${entry} ("NAME=VALUE") of the same name as one of ${env}? */
static bool
is_overridden(const char *entry, const char *const *env)
{
	size_t n = strcspn(entry, "="), i;

	for (i = 0; env != NULL && env[i] != NULL; i++) {
		if (strncmp(entry, env[i], n) == 0 && env[i][n] == '=')
			return true;
	}
	return false;
}

/* The environment with ${env} in it: an array of pointers, to be freed. */
static char **
make_environment(const char *const *env)
{
	size_t own = 0, more = 0, n = 0, i;
	char **all;

	while (environ != NULL && environ[own] != NULL)
		own++;
	while (env != NULL && env[more] != NULL)
		more++;
	all = calloc(own + more + 1, sizeof(*all));
	if (all == NULL)
		return NULL;
	for (i = 0; environ != NULL && i < own; i++) {
		if (!is_overridden(environ[i], env))
			all[n++] = environ[i];
	}
	for (i = 0; i < more; i++)
		all[n++] = (char *)(uintptr_t)env[i];
	return all;
}

static void
default_signals(void)
{
	struct sigaction sa = { .sa_handler = SIG_DFL };
	sigset_t none;
	int s;

	/* The C library keeps some for itself and KILL, STOP refuse: no matter. */
	for (s = 1; s < NSIG; s++)
		(void)sigaction(s, &sa, NULL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Close everything above 2 but ${keep}. */
static void
close_others(int keep)
{
	long max;
	int fd;

	if ((keep == 3 || close_range(3, (unsigned)keep - 1, 0) == 0) &&
	    close_range((unsigned)keep + 1, ~0U, 0) == 0)
		return;
	/* A kernel before 5.9. */
	max = sysconf(_SC_OPEN_MAX);
	for (fd = 3; fd < (max < 0 || max > 65536 ? 65536 : max); fd++) {
		if (fd != keep)
			(void)close(fd);
	}
}

/* In the child: only what is safe after fork. Does not return. */
static void
become(const char *command, char **environment, int in, int out, int report)
{
	const char *argv[] = { "sh", "-c", command, NULL };
	int error;

	(void)setpgid(0, 0);
	default_signals();
	if (dup2(in, STDIN_FILENO) == -1 ||
	    dup2(out == -1 ? STDERR_FILENO : out, STDOUT_FILENO) == -1)
		goto failed;
	close_others(report);
	(void)execve("/bin/sh", (char *const *)(uintptr_t)argv, environment);
failed:
	error = errno;
	(void)!write(report, &error, sizeof(error));
	_exit(127);
}

/* Wait for exec or for the child's errno. */
static int
exec_error(int fd)
{
	int error = 0;
	ssize_t n;

	do
		n = read(fd, &error, sizeof(error));
	while (n == -1 && errno == EINTR);
	return n == (ssize_t)sizeof(error) ? error : 0;
}

/* Fork; 0 in the parent with c->pid set once /bin/sh runs, else -1, errno. */
static int
start(struct command_child *c, const char *command, char **environment, int in, int out)
{
	int report[2], error;

	if (open_pipe(report) == -1)
		return -1;
	c->pid = fork();
	if (c->pid == -1) {
		close_pair(report);
		return -1;
	}
	if (c->pid == 0)
		become(command, environment, in, out, report[1]);
	/* Both sides do it, so that neither can be too early for the other. */
	(void)setpgid(c->pid, c->pid);
	(void)close(report[1]);
	error = exec_error(report[0]);
	(void)close(report[0]);
	if (error != 0) {
		while (waitpid(c->pid, NULL, 0) == -1 && errno == EINTR)
			;
		errno = error;
		return -1;
	}
	return 0;
}

static int
set_nonblocking(int fd)
{
	return fd == -1 ? 0 : fcntl(fd, F_SETFL, O_NONBLOCK);
}

int
command_child_start(struct command_child *c, const char *command, const char *const *env,
    bool want_output)
{
	int in[2] = { -1, -1 }, out[2] = { -1, -1 };
	char **environment = make_environment(env);
	int r = -1;

	if (environment == NULL)
		return -1;
	if (open_pipe(in) == -1 || (want_output && open_pipe(out) == -1))
		goto done;
	if (set_nonblocking(in[1]) == -1 || set_nonblocking(out[0]) == -1)
		goto done;
	if (start(c, command, environment, in[0], out[1]) == -1)
		goto done;
	c->input = in[1];
	c->output = out[0];
	in[1] = out[0] = -1;
	r = 0;
done:
	close_pair(in);
	close_pair(out);
	free(environment);
	return r;
}
