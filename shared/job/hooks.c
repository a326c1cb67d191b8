#include "job/hooks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/command.h"
#include "base/file.h"
#include "job/result_data.h"
#include "job/run_data.h"

#define MAGIC "coordkeep-findings-1 "

bool
hooks_due(const struct told *before, const char *digest, int64_t now, int64_t renotify)
{

	if (strcmp(before->digest, digest) != 0)
		return true;
	if (digest[0] == '\0' || renotify == 0)
		return false;
	/* A clock that was set back must not silence a finding. */
	return now - before->at >= renotify || now < before->at;
}

void
told_format(const struct told *t, struct buf *out)
{

	buf_printf(out, MAGIC "%s %" PRId64 "\n", t->digest[0] == '\0' ? "-" : t->digest, t->at);
}

bool
told_parse(struct bytes s, struct told *t)
{
	struct bytes digest;
	uint64_t at;
	size_t end;

	memset(t, 0, sizeof(*t));
	if (!bytes_starts(s, B(MAGIC)) || s.p[s.n - 1] != '\n')
		return false;
	s = bytes_from(s, sizeof(MAGIC) - 1);
	s.n--;
	end = bytes_find(s, ' ', 0);
	digest = (struct bytes){ s.p, end };
	if (end == s.n || !bytes_to_u64(bytes_from(s, end + 1), &at) || at > INT64_MAX)
		return false;
	if (digest.n == sizeof(t->digest) - 1)
		memcpy(t->digest, digest.p, digest.n);
	else if (!bytes_equal(digest, B("-")))
		return false;
	t->at = (int64_t)at;
	return true;
}

/* Run a hook. False if it did not end well, which was logged. */
static bool
call(struct run *r, const char *name, const char *command, struct bytes document)
{
	char job[80], run[40], exit_code[40], hook[80], how[128];
	const char *env[] = { job, run, hook, NULL, NULL };
	struct command_result res;

	if (r->options.dry) {
		log_info("hook", "(dry run) %s would be run", name);
		return false;
	}
	(void)snprintf(job, sizeof(job), "COORDKEEP_JOB=%s", r->job->name);
	(void)snprintf(run, sizeof(run), "COORDKEEP_RUN=%s", r->id);
	(void)snprintf(hook, sizeof(hook), "COORDKEEP_HOOK=%s", name);
	if (r->code >= 0) {
		(void)snprintf(exit_code, sizeof(exit_code), "COORDKEEP_EXIT=%d", r->code);
		env[3] = exit_code;
	}
	res = command_run(command, env, document, NULL, 0, r->settings.hooks.timeout);
	if (res.end == COMMAND_EXITED && res.status == 0) {
		log_debug("hook", "%s was run", name);
		return true;
	}
	command_describe(&res, r->settings.hooks.timeout, how, sizeof(how));
	log_warn("hook-failed", "[hooks] %s %s", name, how);
	return false;
}

void
run_hook(struct run *r, const char *name, const char *command, struct bytes document)
{

	if (command[0] != '\0')
		(void)call(r, name, command, document);
}

static void
told_load(const char *path, struct told *t)
{
	struct buf b = { 0 };
	struct error e = { 0 };

	memset(t, 0, sizeof(*t));
	if (path[0] == '\0')
		return;
	if (file_read(path, 4096, &b, &e)) {
		if (e.exit != EX_NOINPUT)
			log_warn("hook-state", "%s", e.text);
	} else if (!told_parse(buf_view(&b), t))
		log_warn("hook-state", "%s cannot be read: on_findings begins anew", path);
	buf_free(&b);
}

static void
told_save(const char *path, const struct told *t)
{
	struct buf b = { 0 };
	struct error e = { 0 };

	if (path[0] == '\0')
		return;
	told_format(t, &b);
	if (b.failed || file_replace(path, 0600, buf_view(&b), &e))
		log_warn("hook-state", "%s: on_findings will be run again", b.failed ?
		    "out of memory" : e.text);
	buf_free(&b);
}

static void
tell_findings(struct run *r, bool complete, struct bytes document)
{
	struct buf path = { 0 };
	struct told before, now = { .at = clock_wall_ms() };
	const char *file = NULL;

	if (run_state_path(r, "findings", &path) == 0)
		file = buf_cstr(&path);
	if (file == NULL || result_digest(r->result, now.digest)) {
		log_error("hook-failed", "[hooks] on_findings: out of memory");
		buf_free(&path);
		return;
	}
	told_load(file, &before);
	/* A run that did not see everything cannot say that all is well again. */
	if ((complete || now.digest[0] != '\0') &&
	    hooks_due(&before, now.digest, now.at, r->settings.hooks.renotify) &&
	    call(r, "on_findings", r->settings.hooks.on_findings, document))
		told_save(file, &now);
	buf_free(&path);
}

bool
hooks_wanted(const struct run *r)
{

	return r->settings.hooks.on_findings[0] != '\0' || r->settings.hooks.on_failure[0] != '\0';
}

void
hooks_finish(struct run *r, int code, bool ended_early, bool complete, struct bytes document)
{

	if (r->settings.hooks.on_findings[0] != '\0' && code != EX_CONFIG)
		tell_findings(r, complete, document);
	/* With findings a run ends with 2 as well; they have a hook of their own. */
	if ((code > EX_USAGE && code != EX_TEMPFAIL) || (code == EX_CRITICAL && ended_early))
		run_hook(r, "on_failure", r->settings.hooks.on_failure, document);
}
