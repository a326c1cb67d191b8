#include "rotate.h"

#include <inttypes.h>
#include <string.h>

#include "base/duration.h"
#include "base/log.h"

#include "orders.h"
#include "store.h"

enum order
rotate_order(const struct rotate_options *o)
{
	if (o->start)
		return ORDER_START;
	if (o->abort)
		return ORDER_ABORT;
	if (o->rollback)
		return ORDER_ROLLBACK;
	if (o->skip_drain)
		return ORDER_SKIP_DRAIN;
	if (o->exclude_host != NULL)
		return ORDER_EXCLUDE;
	return o->turn != NULL ? ORDER_TURN : ORDER_NONE;
}

/* Who skips the drain is told what it costs, and asked. */
static int
ask_skip(struct rotate *t, struct error *e)
{
	struct in_flight *f = &t->x.in_flight;
	const char *question = "Skip the drain? What only the old secret verifies is rejected then";
	enum pass pass;

	if (t->v.rotation.phase != PHASE_DRAIN)
		return 0; /* steer says why not */
	if (drain_pass(&t->x, &t->v.rotation, &pass, e) == -1)
		return -1;
	if (!f->counted)
		return error_set(e, EX_TEMPFAIL,
		    "the run was stopped before it had looked at all records in flight");
	log_warn("skip-drain", "%" PRId64 " records in flight (signals, acks, retries) are verified by "
	    "the old secret alone and will be rejected, %" PRId64 " cannot be read",
	    f->n[IN_FLIGHT_OLD], f->n[IN_FLIGHT_UNREADABLE]);
	if (t->x.dry || t->options->yes || run_ask(t->run, question))
		return 0;
	return error_set(e, EX_CRITICAL,
	    "the drain was not skipped: nobody said yes (without a terminal: --yes)");
}

/* The pass at the drain's end sees what is in Redis; what a coordinator still holds, to send it
 * again, only the time covers. */
static void
warn_of_short_drain(const struct settings *s)
{
	char drain[32], needed[32];

	if (s->rotate.drain >= s->ttl.signal + s->ttl.retry)
		return;
	duration_human(s->rotate.drain, drain, sizeof(drain));
	duration_human(s->ttl.signal + s->ttl.retry, needed, sizeof(needed));
	log_warn("drain-short", "drain (%s) is less than [ttl] signal and retry together (%s): what is "
	    "sent again late in that time can be rejected", drain, needed);
}

int
rotate_give_order(struct rotate *t, enum order order, struct error *e)
{
	const struct rotate_options *o = t->options;
	struct steering steering = {
		.order = order, .hosts = &t->hosts, .sure = run_forced(t->run),
	};

	if (order == ORDER_EXCLUDE)
		steering.host = o->exclude_host;
	if (order == ORDER_TURN)
		steering.host = strcmp(o->turn, "none") == 0 ? "" : o->turn;
	if (order == ORDER_SKIP_DRAIN && (flow_record(&t->ops, &t->flow, &t->v, e) == -1 ||
	    ask_skip(t, e) == -1))
		return -1;
	if (order == ORDER_START)
		warn_of_short_drain(t->settings);
	if (steer(&t->ops, &t->flow, &steering, &t->v, e) == -1)
		return -1;
	if (order == ORDER_TURN)
		result_action(run_result(t->run), "turn", B(ROTATION_KEY), "the turn %s now %s",
		    t->x.dry ? "would be" : "is",
		    t->v.rotation.turn[0] == '\0' ? "nobody's" : t->v.rotation.turn);
	else
		result_action(run_result(t->run), "order", B(ROTATION_KEY), "the phase %s now %s%s%s, "
		    "epoch %" PRIu64, t->x.dry ? "would be" : "is",
		    phase_name(t->v.rotation.phase),
		    t->v.rotation.phase == PHASE_HOLD ? ", then " : "",
		    t->v.rotation.phase == PHASE_HOLD ? phase_name(t->v.rotation.then) : "",
		    t->v.rotation.epoch);
	return 0;
}

int
rotate_start_by_age(struct rotate *t, bool *started, struct error *e)
{
	const struct rotation *r = &t->v.rotation;
	const struct steering steering = { .order = ORDER_START, .hosts = &t->hosts };
	int64_t since = r->rotated > 0 ? r->rotated : t->v.copy.seen_since;
	struct error why = { 0 };

	*started = false;
	if (!t->settings->rotate.automatic || since <= 0 || t->options->catch_up ||
	    !order_due(r, &t->flow.phase, t->ops.now(&t->x) - since))
		return 0;
	if (!t->settings->rotate.coordinators_accept_other) {
		result_finding(run_result(t->run), "auto-refused", SEVERITY_WARNING, B(""),
		    "the secret is due and auto is yes, but [secret-rotate-phase] "
		    "coordinators_accept_other is no");
		return 0;
	}
	if (steer(&t->ops, &t->flow, &steering, &t->v, &why) == 0) {
		result_action(run_result(t->run), "start", B(ROTATION_KEY), "the secret is due: a rotation "
		    "%s started, epoch %" PRIu64, t->x.dry ? "would be" : "was", r->epoch);
		*started = !t->x.dry;
		return 0;
	}
	if (why.exit == EX_CRITICAL || why.exit == EX_CONFIG) {
		result_finding(run_result(t->run), "auto-refused", SEVERITY_WARNING, B(""),
		    "the secret is due, and no rotation can be started: %s", why.text);
		return 0;
	}
	if (why.exit == EX_TEMPFAIL) {
		log_info("auto-later", "%s", why.text);
		return 0;
	}
	*e = why;
	return -1;
}
