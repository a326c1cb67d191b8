#include "fixer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration.h"
#include "histogram.h"
#include "owners.h"

/* MEMORY USAGE of the first keys of a family, then of one in so many. */
#define SAMPLE_FIRST 32
#define SAMPLE_EVERY 128
/* Ids counted exactly; some 2 MB when all are in use. */
#define OWNERS_MOST 16384
/* A coordinator with more keys than that is not cleaning up. */
#define OWNS_MANY 1000

struct line {
	struct report *report;
	int64_t keys, bare, sampled;
	double memory; /* of the sampled ones, bytes */
	struct histogram *ttls;
};

struct report {
	struct run *run;
	struct client *client;
	struct result *result;
	struct policy policy;
	struct line *lines; /* policy.rows of them */
	struct owners *owners;
	bool memory_unknown;
	struct error refused; /* the first key that this user may not touch */
	struct error fatal;
};

/* One key that may not be touched does not keep the others from being counted. */
static void
ttl_failed(struct report *p, struct bytes key, const struct reply *r)
{
	struct error e = { 0 };

	if (p->fatal.exit != 0)
		return;
	(void)reply_fail(r, &e, "PTTL");
	if (e.exit != EX_NOPERM || strstr(reply_error(r), "access") == NULL) {
		p->fatal = e;
		return;
	}
	if (p->refused.exit == 0)
		p->refused = e;
	result_failed(p->result, "key-failed", key, "%s", e.text);
}

static void
on_ttl(void *ctx, size_t tag, const struct reply *r)
{
	const struct bytes *key = (const struct bytes *)(uintptr_t)tag;
	struct line *line = ctx;
	struct report *p = line->report;
	int64_t left;

	if (r == NULL)
		return;
	if (!reply_integer(r, &left)) {
		ttl_failed(p, *key, r);
		return;
	}
	/* Here and not in page(): the server works at the next page meanwhile. */
	if (owners_count_key(p->owners, *key) != 0)
		(void)error_set(&p->fatal, EX_SOFTWARE, "out of memory");
	if (left == -1)
		line->bare++;
	else if (left >= 0) {
		if (line->ttls == NULL && (line->ttls = histogram_new()) == NULL)
			(void)error_set(&p->fatal, EX_SOFTWARE, "out of memory");
		else
			histogram_add(line->ttls, left);
	}
}

static void
on_memory(void *ctx, size_t tag, const struct reply *r)
{
	struct line *line = ctx;
	int64_t n;

	(void)tag;
	if (r == NULL || reply_is_nil(r))
		return;
	if (!reply_integer(r, &n)) {
		/* A user who may not ask for it still gets the rest. */
		line->report->memory_unknown = true;
		return;
	}
	line->sampled++;
	line->memory += (double)n;
}

static int
page(void *ctx, const struct bytes *keys, size_t n)
{
	struct report *p = ctx;
	struct line *line;
	struct kind k;
	size_t i;
	int64_t nth;

	for (i = 0; i < n && p->fatal.exit == 0; i++) {
		k = policy_kind(&p->policy, keys[i]);
		if (!policy_concerns(k) && k.family != FAMILY_OURS)
			continue;
		line = &p->lines[k.row];
		nth = line->keys++;
		(void)CLIENT_ADD(p->client, CLIENT_REPEAT, on_ttl, line, (size_t)(uintptr_t)&keys[i],
		    B("PTTL"), keys[i]);
		if (!p->memory_unknown && (nth < SAMPLE_FIRST || nth % SAMPLE_EVERY == 0))
			(void)CLIENT_ADD(p->client, CLIENT_REPEAT, on_memory, line, 0, B("MEMORY"),
			    B("USAGE"), keys[i]);
	}
	return p->fatal.exit != 0;
}

/* Nothing is counted yet. */
static int
begin(struct report *p)
{
	size_t i;

	for (i = 0; i < p->policy.rows; i++) {
		histogram_free(p->lines[i].ttls);
		p->lines[i] = (struct line){ .report = p };
	}
	owners_free(p->owners);
	p->owners = owners_new(OWNERS_MOST);
	return p->owners != NULL ? 0 : error_set(&p->fatal, EX_SOFTWARE, "out of memory");
}

static void
again(void *ctx)
{

	(void)begin(ctx);
}

static double
memory_of(const struct line *l)
{

	return l->sampled == 0 ? 0 : l->memory / (double)l->sampled * (double)l->keys;
}

static void
human_size(double bytes, char *out, size_t size)
{
	static const char units[] = "BKMGT";
	size_t unit = 0;

	while (bytes >= 1024 && units[unit + 1] != '\0') {
		bytes /= 1024;
		unit++;
	}
	(void)snprintf(out, size, "%.*f %c%s", unit > 0 && bytes < 100 ? 1 : 0, bytes, units[unit],
	    unit > 0 ? "B" : "");
}

static void
say_line(const struct report *p, size_t i)
{
	const struct line *l = &p->lines[i];
	char name[128], low[32] = "-", median[32] = "-", high[32] = "-", memory[32] = "-";

	policy_name(policy_row(&p->policy, i), name, sizeof(name));
	if (l->ttls != NULL) {
		duration_human(histogram_min(l->ttls), low, sizeof(low));
		duration_human(histogram_median(l->ttls), median, sizeof(median));
		duration_human(histogram_max(l->ttls), high, sizeof(high));
	}
	if (l->sampled > 0)
		human_size(memory_of(l), memory, sizeof(memory));
	result_say(p->result, "%-16s %10" PRId64 " %10" PRId64 " %9s %9s %9s %10s", name, l->keys,
	    l->bare, low, median, high, memory);
}

static json_t *
line_json(const struct report *p, size_t i)
{
	const struct line *l = &p->lines[i];
	char name[128];
	json_t *o;

	policy_name(policy_row(&p->policy, i), name, sizeof(name));
	o = json_pack("{s:s, s:I, s:I}", "family", name, "keys", (json_int_t)l->keys,
	    "without_ttl", (json_int_t)l->bare);
	if (o != NULL && l->ttls != NULL)
		(void)json_object_set_new(o, "ttl_ms", json_pack("{s:I, s:I, s:I}", "min",
		    (json_int_t)histogram_min(l->ttls), "median",
		    (json_int_t)histogram_median(l->ttls), "max",
		    (json_int_t)histogram_max(l->ttls)));
	if (o != NULL && l->sampled > 0)
		(void)json_object_set_new(o, "memory", json_pack("{s:I, s:I}", "bytes",
		    (json_int_t)memory_of(l), "sampled", (json_int_t)l->sampled));
	return o;
}

static int
tell_owners(const struct report *p, json_t *list, struct error *e)
{
	int64_t slack = owners_error(p->owners);
	struct owner *over;
	const char *field;
	json_t *o, *id;
	size_t n, i;

	over = owners_over(p->owners, OWNS_MANY, &n);
	if (over == NULL && n > 0)
		return error_set(e, EX_SOFTWARE, "out of memory");
	for (i = 0; i < n; i++) {
		if (slack == 0)
			result_finding(p->result, "many-keys", SEVERITY_WARNING, over[i].id,
			    "owns %" PRId64 " keys: it is not cleaning up", over[i].least);
		else
			result_finding(p->result, "many-keys", SEVERITY_WARNING, over[i].id,
			    "owns %" PRId64 " to %" PRId64 " keys: it is not cleaning up",
			    over[i].least, over[i].least + slack);
		id = result_json_key(over[i].id, &field);
		o = json_pack("{s:I, s:I}", "keys", (json_int_t)over[i].least, "keys_at_most",
		    (json_int_t)(over[i].least + slack));
		(void)json_object_set_new(o, strcmp(field, "key") == 0 ? "id" : "id_b64", id);
		(void)json_array_append_new(list, o);
	}
	free(over);
	return 0;
}

static int
tell(const struct report *p, const struct scan_result *pass, struct error *e)
{
	json_t *families = json_array(), *many = json_array();
	size_t i;
	int rc;

	if (!pass->complete)
		result_say(p->result, "Partial: the pass did not reach its end, and what follows is of "
		    "the first %" PRIu64 " key%s alone", pass->keys, pass->keys == 1 ? "" : "s");
	result_say(p->result, "%-16s %10s %10s %9s %9s %9s %10s", "FAMILY", "KEYS", "NO TTL",
	    "TTL MIN", "MEDIAN", "MAX", "MEMORY");
	for (i = 0; i < p->policy.rows; i++) {
		if (p->lines[i].keys == 0)
			continue;
		say_line(p, i);
		(void)json_array_append_new(families, line_json(p, i));
	}
	result_say(p->result, "Memory is estimated from samples%s; medians are within 1 %%",
	    p->memory_unknown ? " (MEMORY USAGE was refused)" : "");
	rc = tell_owners(p, many, e);
	if (rc == 0 && json_array_size(many) == 0 && pass->complete)
		result_say(p->result, "No coordinator owns more than %d keys", OWNS_MANY);
	else if (rc == 0 && json_array_size(many) > 0)
		result_say(p->result, "%zu coordinator%s more than %d keys", json_array_size(many),
		    json_array_size(many) == 1 ? " owns" : "s own", OWNS_MANY);
	result_object(p->result, "report", json_pack("{s:o, s:o}", "families", families,
	    "coordinators", many));
	return rc;
}

int
report_run(struct run *r, struct error *e)
{
	struct report p = { .run = r, .client = run_client(r), .result = run_result(r) };
	struct scan_callbacks callbacks = { .page = page, .ctx = &p };
	struct scan_result pass;
	size_t i;
	int rc = -1;

	policy_make(&p.policy, run_settings(r), false);
	p.lines = calloc(p.policy.rows, sizeof(*p.lines));
	if (p.lines == NULL || begin(&p) != 0) {
		free(p.lines);
		return error_set(e, EX_SOFTWARE, "out of memory");
	}
	rc = run_scan(r, NULL, &callbacks, again, 0, &pass, e);
	if (rc == 0 && p.fatal.exit != 0) {
		*e = p.fatal;
		rc = -1;
	}
	if (rc == 0)
		rc = tell(&p, &pass, e);
	if (rc == 0 && p.refused.exit != 0) {
		*e = p.refused;
		rc = -1;
	}
	for (i = 0; i < p.policy.rows; i++)
		histogram_free(p.lines[i].ttls);
	free(p.lines);
	owners_free(p.owners);
	return rc;
}
