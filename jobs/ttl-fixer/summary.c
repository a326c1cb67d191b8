#include "summary.h"

#include <inttypes.h>

static const char *
plural(int64_t n)
{

	return n == 1 ? "" : "s";
}

static struct row
total(const struct fixer *f)
{
	struct row sum = { 0 };
	size_t i;

	for (i = 0; i < f->policy.rows; i++) {
		sum.keys += f->rows[i].keys;
		sum.bare += f->rows[i].bare;
		sum.set += f->rows[i].set;
		sum.cut += f->rows[i].cut;
	}
	return sum;
}

static void
say_rows(const struct fixer *f, bool cut)
{
	char name[128];
	int64_t n;
	size_t i;

	for (i = 0; i < f->policy.rows; i++) {
		if ((n = cut ? f->rows[i].cut : f->rows[i].set) == 0)
			continue;
		policy_name(policy_row(&f->policy, i), name, sizeof(name));
		result_say(f->result, "  %-16s %8" PRId64 "%s%s", name, n, cut ? "" : "  to ",
		    cut ? "" : f->rows[i].ttl_said);
	}
}

static void
say(const struct fixer *f, const struct row *sum, const struct scan_result *pass)
{
	const char *would = f->dry ? "Would set" : "Set";

	const char *rest = f->resumed ? " in the rest of the pass" : f->moved > 0 ?
	    " of the server that there is since the last change" : "";

	result_say(f->result, "Found %" PRId64 " coordination key%s among %" PRIu64 " key%s%s",
	    sum->keys, plural(sum->keys), pass->keys, pass->keys == 1 ? "" : "s", rest);
	if (sum->set > 0) {
		result_say(f->result, "%s a TTL on %" PRId64 " key%s", would, sum->set,
		    plural(sum->set));
		say_rows(f, false);
	} else if (sum->bare == 0 && pass->complete && result_get(f->result, "failed") == 0)
		result_say(f->result, "No key without a TTL%s", rest);
	if (sum->cut > 0) {
		result_say(f->result, "%s the TTL of %" PRId64 " key%s", f->dry ? "Would cut" : "Cut",
		    sum->cut, plural(sum->cut));
		say_rows(f, true);
	}
	if (f->dead > 0)
		result_say(f->result, "Left %" PRId64 " stale heartbeat%s without a TTL to reap-stale "
		    "and escalate-dead", f->dead, plural(f->dead));
	if (f->kept > 0)
		result_say(f->result, "Left %" PRId64 " key%s of work without a TTL: the server could "
		    "drop %s for one", f->kept, plural(f->kept), f->kept == 1 ? "it" : "them");
	if (f->held > 0)
		result_say(f->result, "Left %" PRId64 " key%s of coordinators on hold", f->held,
		    plural(f->held));
	if (f->changed > 0)
		result_say(f->result, "Skipped %" PRId64 " key%s that changed meanwhile", f->changed,
		    plural(f->changed));
	if (result_get(f->result, "failed") > 0)
		result_say(f->result, "%" PRId64 " key%s failed", result_get(f->result, "failed"),
		    plural(result_get(f->result, "failed")));
	if (!pass->complete)
		result_say(f->result, "The pass did not reach its end%s", f->goes_on ?
		    "; what is done is done, the next run goes on there" : "");
}

/* Nobody asked for less than that: the server's policy is the fault. */
static void
judge_kept(const struct fixer *f)
{

	if (f->kept > 0 && f->policy.evicts_expiring)
		result_finding(f->result, "work-without-ttl", SEVERITY_WARNING, B(""),
		    "maxmemory-policy %s: %" PRId64 " key%s of work (work items, escalations, spawn "
		    "requests) without a TTL %s left so and live%s for ever, since with one the full "
		    "server would evict work that is not done; set maxmemory-policy noeviction",
		    client_server(f->client)->maxmemory_policy, f->kept, plural(f->kept),
		    f->kept == 1 ? "is" : "are", f->kept == 1 ? "s" : "");
}

/* A row of the JSON result's "families". */
static json_t *
row_json(const struct fixer *f, size_t i)
{
	const struct row *row = &f->rows[i];
	char name[128];

	policy_name(policy_row(&f->policy, i), name, sizeof(name));
	return json_pack("{s:s, s:I, s:I, s:I, s:I}", "family", name, "keys",
	    (json_int_t)row->keys, "without_ttl", (json_int_t)row->bare, "set",
	    (json_int_t)row->set, "cut", (json_int_t)row->cut);
}

static void
measure(const struct fixer *f, const struct row *sum)
{
	char name[128];
	size_t i;

	result_counter(f->result, "ttls_set_total", "Keys that were given a TTL.",
	    (double)sum->set);
	result_counter(f->result, "ttls_cut_total", "Keys whose TTL was cut.", (double)sum->cut);
	result_gauge(f->result, "stale_heartbeats_without_ttl",
	    "Heartbeats left for the other jobs by the last pass.", (double)f->dead);
	for (i = 0; i < f->policy.rows; i++) {
		if (!policy_concerns(policy_row(&f->policy, i)))
			continue;
		policy_name(policy_row(&f->policy, i), name, sizeof(name));
		result_gauge_labelled(f->result, "coordination_keys",
		    "Coordination keys that the last pass met.", "family", bytes_str(name),
		    (double)f->rows[i].keys);
		result_gauge_labelled(f->result, "keys_without_ttl",
		    "Those of them that had no TTL.", "family", bytes_str(name),
		    (double)f->rows[i].bare);
	}
}

void
summary_say(const struct fixer *f, const struct scan_result *pass)
{
	struct row sum = total(f);
	json_t *families = json_array();
	size_t i;

	say(f, &sum, pass);
	judge_kept(f);
	result_count(f->result, "coordination-keys", sum.keys);
	result_count(f->result, "without-ttl", sum.bare);
	result_count(f->result, "ttl-set", sum.set);
	result_count(f->result, "ttl-cut", sum.cut);
	result_count(f->result, "work-left", f->kept);
	result_count(f->result, "heartbeats-left", f->dead);
	result_count(f->result, "held", f->held);
	result_count(f->result, "changed-meanwhile", f->changed);
	for (i = 0; i < f->policy.rows; i++)
		if (f->rows[i].keys > 0)
			(void)json_array_append_new(families, row_json(f, i));
	result_object(f->result, "ttl", json_pack("{s:o}", "families", families));
	measure(f, &sum);
}
