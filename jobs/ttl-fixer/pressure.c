#include "fixer.h"

#include <string.h>

#include "base/duration.h"

static int64_t
per_cent(const struct server_info *s)
{

	return (int64_t)((double)s->used_memory * 100 / (double)s->maxmemory);
}

/* "9.2GB" would hide what matters near the limit: whole MB, or KB when small. */
static void
format_memory(int64_t bytes, char *out, size_t size)
{
	int64_t unit = bytes >= INT64_C(10) << 20 ? INT64_C(1) << 20 : INT64_C(1) << 10;

	size_format(bytes / unit * unit, out, size);
}

static void
say_memory(struct run *r, const char *when)
{
	const struct server_info *s = client_server(run_client(r));
	char used[32], most[32];

	format_memory(s->used_memory, used, sizeof(used));
	if (s->maxmemory == 0) {
		result_say(run_result(r), "Memory %s: %s, no maxmemory", when, used);
		return;
	}
	size_format(s->maxmemory, most, sizeof(most));
	result_say(run_result(r), "Memory %s: %s of %s (%lld %%), policy %s", when, used, most,
	    (long long)per_cent(s), s->maxmemory_policy);
}

/* What a full server does to coordination is no better than what fills it. */
static void
judge_policy(struct run *r)
{
	const struct server_info *s = client_server(run_client(r));

	if (s->maxmemory == 0)
		return;
	if (strcmp(s->maxmemory_policy, "noeviction") == 0)
		result_finding(run_result(r), "eviction-policy", SEVERITY_WARNING, B(""),
		    "maxmemory-policy noeviction: once the memory is full, heartbeats and signals "
		    "are refused (OOM) and coordinators look dead");
	else
		result_finding(run_result(r), "eviction-policy", SEVERITY_WARNING, B(""),
		    "maxmemory-policy %s: once the memory is full, heartbeats can be evicted and "
		    "their coordinators look dead", s->maxmemory_policy);
}

int
pressure_begin(struct run *r, struct error *e)
{
	const struct settings *settings = run_settings(r);
	const struct server_info *s = client_server(run_client(r));

	if (s->maxmemory == 0 && !run_forced(r))
		return error_set(e, EX_CRITICAL, "--pressure refused: the server has no maxmemory, so "
		    "nothing says that it is full (--force cuts TTLs all the same)");
	if (s->maxmemory > 0 && per_cent(s) < settings->ttl_fixer.pressure_at && !run_forced(r))
		return error_set(e, EX_CRITICAL, "--pressure refused: memory is at %lld %% of maxmemory, "
		    "pressure_at is %lld %% (--force cuts TTLs all the same)",
		    (long long)per_cent(s), (long long)settings->ttl_fixer.pressure_at);
	say_memory(r, "before");
	judge_policy(r);
	return 0;
}

void
pressure_end(struct run *r)
{
	char ttl[32];

	if (client_refresh(run_client(r)) != 0) {
		log_warn("memory-unknown", "%s", client_error(run_client(r))->text);
		return;
	}
	say_memory(r, "now");
	if (run_dry(r) || result_get(run_result(r), "ttl-cut") == 0)
		return;
	duration_format(run_settings(r)->ttl_fixer.pressure_ttl, ttl, sizeof(ttl));
	result_say(run_result(r), "What was cut is freed as it expires, within %s", ttl);
}
