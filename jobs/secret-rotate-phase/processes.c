#include "processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "coordination/signature.h"

#include "commands.h"

#define ENVIRON_MAX ((size_t)8 << 20) /* the kernel takes 6 MB of arguments and environment */
#define PRINTED_MAX ((size_t)64 << 10)
#define DEPTH_MAX 64                  /* generations of processes */
#define REFUSED_FIRST 20              /* ms; 0.6 s in all */
#define REFUSED_LAST 320

/* ---- one process ---- */

/* 1: read. 0: it is gone. -1: errno. */
static int
read_all(const char *proc, pid_t pid, const char *name, struct buf *out)
{
	char path[128], chunk[4096];
	ssize_t n;
	int fd, saved;

	(void)snprintf(path, sizeof(path), "%s/%jd/%s", proc, (intmax_t)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return errno == ENOENT || errno == ESRCH ? 0 : -1;
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			break;
		buf_add(out, chunk, (size_t)n);
		if (out->failed || out->n > ENVIRON_MAX) {
			errno = out->failed ? ENOMEM : EFBIG;
			n = -1;
			break;
		}
	}
	saved = errno;
	explicit_bzero(chunk, sizeof(chunk));
	(void)close(fd);
	errno = saved;
	if (n == 0)
		return 1;
	return errno == ESRCH || errno == ENOENT ? 0 : -1;
}

/* The parent, 0 if there is none or it cannot be told. */
static pid_t
parent_of(const char *proc, pid_t pid)
{
	struct buf stat = { 0 };
	const char *text, *end;
	intmax_t parent = 0;

	if (read_all(proc, pid, "stat", &stat) == 1 && (text = buf_cstr(&stat)) != NULL) {
		/* pid (name) state ppid: the name can hold anything. */
		end = strrchr(text, ')');
		if (end == NULL || strlen(end) < 5)
			parent = 0;
		else
			parent = strtoimax(end + 4, NULL, 10);
	}
	buf_free(&stat);
	return (pid_t)parent;
}

/* Is ${ancestor} above ${pid}, or the same? */
static bool
descends(const char *proc, pid_t pid, pid_t ancestor)
{
	int i;

	for (i = 0; i < DEPTH_MAX && pid > 1; i++) {
		if (pid == ancestor)
			return true;
		pid = parent_of(proc, pid);
	}
	return false;
}

/* This process, those that started it and those that it started. */
static bool
is_ours(const char *proc, pid_t pid)
{
	return pid > 1 && (descends(proc, pid, getpid()) || descends(proc, getpid(), pid));
}

/* The value of the variable in an environment as the kernel shows it: the first, as getenv(3). */
static bool
find_variable(struct bytes environment, const char *name, struct bytes *value)
{
	struct bytes entry, wanted = bytes_str(name);
	size_t at = 0, end;

	while (at < environment.n) {
		end = bytes_find(environment, '\0', at);
		entry = (struct bytes){ environment.p + at, end - at };
		if (entry.n > wanted.n && entry.p[wanted.n] == '=' && bytes_starts(entry, wanted)) {
			*value = bytes_from(entry, wanted.n + 1);
			return true;
		}
		at = end + 1;
	}
	return false;
}

/* Nothing for an empty value: ${fp} was zeroed. */
static int
fingerprint(struct bytes value, char fp[FINGERPRINT_SIZE])
{
	return value.n == 0 ? 0 : secret_fingerprint(value, fp);
}

static int
enter_process(const struct effects *fx, pid_t pid, struct bytes environment, struct state *s,
    struct error *e)
{
	struct bytes sign = { NULL, 0 }, other = { NULL, 0 };
	struct pair p = { "", "" };

	(void)find_variable(environment, fx->settings->secrets.current_var, &sign);
	(void)find_variable(environment, fx->settings->secrets.other_var, &other);
	if (fingerprint(sign, p.sign) == -1 || fingerprint(other, p.other) == -1)
		return error_set(e, EX_SOFTWARE, "OpenSSL could not make a fingerprint");
	log_debug("process", "process %jd signs with %s and accepts %s too", (intmax_t)pid,
	    p.sign[0] == '\0' ? "nothing" : p.sign, p.other[0] == '\0' ? "nothing" : p.other);
	state_add(s, &p);
	return 0;
}

/* A process that is just being started by one with more rights refuses for a moment. */
static int
read_environment(const char *proc, pid_t pid, struct buf *out)
{
	int64_t ms;
	int r;

	for (ms = REFUSED_FIRST;; ms *= 2) {
		r = read_all(proc, pid, "environ", out);
		if (r != -1 || (errno != EACCES && errno != EPERM) || pid == 1 || ms > REFUSED_LAST)
			return r;
		(void)clock_sleep_ms(ms);
	}
}

static int
refused(const char *proc, pid_t pid, struct error *e)
{
	struct buf name = { 0 }, shown = { 0 };

	/* Some hosts let nobody look at process 1. A coordinator that is process 1, of a
	 * container, lets a run inside it look. */
	if (pid == 1 || is_ours(proc, pid))
		return 0;
	if (read_all(proc, pid, "comm", &name) == 1 && name.n > 0)
		buf_escaped(&shown, (struct bytes){ name.p, name.n - 1 }, 64);
	(void)error_set(e, EX_NOPERM,
	    "process %jd (%s) does not let its environment be read, and may be a coordinator: run as "
	    "root (with CAP_SYS_PTRACE), or set [secret-rotate-phase] check_command", (intmax_t)pid,
	    shown.n > 0 ? buf_cstr(&shown) : "?");
	buf_free(&name);
	buf_free(&shown);
	return -1;
}

static int
look_at(const struct effects *fx, const char *proc, pid_t pid, struct state *s, struct error *e)
{
	struct buf environment = { 0 };
	struct bytes value;
	int r;

	r = read_environment(proc, pid, &environment);
	if (r == -1 && (errno == EACCES || errno == EPERM)) {
		r = refused(proc, pid, e);
	} else if (r == -1) {
		r = error_set(e, EX_IOERR, "%s/%jd/environ: %s", proc, (intmax_t)pid,
		    strerror(errno));
	} else if (r == 1 && find_variable(buf_view(&environment),
	    fx->settings->secrets.current_var, &value) && !is_ours(proc, pid)) {
		r = enter_process(fx, pid, buf_view(&environment), s, e);
	} else {
		r = 0;
	}
	buf_wipe(&environment);
	return r;
}

/* ---- all of them ---- */

int
processes_look_in(const struct effects *fx, const char *proc, struct state *s, struct error *e)
{
	struct dirent *entry;
	uint64_t pid;
	DIR *dir = opendir(proc);
	int r = 0;

	if (dir == NULL)
		return error_set(e, EX_IOERR, "%s: cannot be opened: %s", proc, strerror(errno));
	errno = 0;
	while (r == 0 && (entry = readdir(dir)) != NULL) {
		if (bytes_to_u64(bytes_str(entry->d_name), &pid) && pid > 0 && pid <= INT32_MAX)
			r = look_at(fx, proc, (pid_t)pid, s, e);
		errno = 0;
	}
	if (r == 0 && errno != 0)
		r = error_set(e, EX_IOERR, "%s: cannot be read: %s", proc, strerror(errno));
	(void)closedir(dir);
	return r;
}

static bool
enter_word(struct bytes word, char fp[FINGERPRINT_SIZE])
{
	memset(fp, 0, FINGERPRINT_SIZE);
	if (bytes_equal(word, B("-")))
		return true;
	if (!fingerprint_valid(word))
		return false;
	memcpy(fp, word.p, word.n);
	return true;
}

bool
processes_enter(struct bytes printed, struct state *s)
{
	struct bytes line;
	struct pair p;
	size_t space, end;

	while (printed.n > 0) {
		end = bytes_find(printed, '\n', 0);
		line = (struct bytes){ printed.p, end };
		printed = end < printed.n ? bytes_from(printed, end + 1) : (struct bytes){ NULL, 0 };
		if (line.n == 0)
			continue;
		space = bytes_find(line, ' ', 0);
		if (space == line.n || !enter_word((struct bytes){ line.p, space }, p.sign) ||
		    !enter_word(bytes_from(line, space + 1), p.other))
			return false;
		state_add(s, &p);
	}
	return true;
}

static int
run_check_command(const struct effects *fx, struct state *s, struct error *e)
{
	const char *command = fx->settings->rotate.check_command;
	struct command_result r;
	struct buf printed = { 0 };
	char how[160];
	int result = 0;

	r = commands_run(fx, command, NULL, &printed, PRINTED_MAX + 1);
	if (r.end != COMMAND_EXITED || r.status != 0) {
		command_describe(&r, fx->settings->rotate.command_timeout, how, sizeof(how));
		result = error_set(e, EX_CRITICAL, "check_command %s, so what the coordinators run is "
		    "not known: %s", how, command);
	} else if (printed.failed || printed.n > PRINTED_MAX) {
		result = error_set(e, EX_CRITICAL, "check_command printed more than %zu bytes: %s",
		    PRINTED_MAX, command);
	} else if (!processes_enter(buf_view(&printed), s)) {
		/* What it printed is not shown: it may be a secret. */
		result = error_set(e, EX_CRITICAL, "check_command printed something else than lines of "
		    "two fingerprints (16 hex digits, or \"-\"): %s", command);
	}
	buf_wipe(&printed);
	return result;
}

int
processes_look(void *ctx, struct state *s, struct error *e)
{
	const struct effects *fx = ctx;

	if (fx->settings->rotate.check_command[0] != '\0')
		return run_check_command(fx, s, e);
	/* Mounted with hidepid, /proc shows others no process but their own, and no error. */
	if (access("/proc/1", F_OK) == -1)
		return error_set(e, EX_NOPERM, "/proc does not show all processes, and a coordinator "
		    "may be among the others: run as root (with CAP_SYS_PTRACE), or set "
		    "[secret-rotate-phase] check_command");
	return processes_look_in(fx, "/proc", s, e);
}
