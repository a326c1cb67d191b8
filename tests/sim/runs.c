#include "sim.h"

#include <stdlib.h>
#include <string.h>

/* A run is a coroutine with a stack of its own. */
#define STACK_SIZE (768 * 1024)

static void
sim_run_main(void)
{
	extern struct run *sim_entering;
	struct run *r = sim_entering;
	struct flow_ops ops = sim_ops;

	ops.ctx = r->sim;
	r->result = 0;
	if (r->steering.order != ORDER_NONE)
		r->result = steer(&ops, &r->settings, &r->steering, &r->view, &r->error);
	if (r->result == 0)
		r->result = flow_run(&ops, &r->settings, &r->view, &r->error);
	r->ended = true;
	(void)swapcontext(&r->context, &r->sim->scheduler);
}

/* makecontext() passes ints only. */
struct run *sim_entering;

static struct run *
free_run(struct sim *s, struct host *h)
{
	size_t i;

	for (i = 0; i < (sim_off(s, GUARD_LOCK) ? SIM_RUNS : 1); i++) {
		if (!h->run[i].active)
			return &h->run[i];
	}
	return NULL;
}

bool
sim_run_possible(struct sim *s, struct host *h)
{
	return free_run(s, h) != NULL;
}

void
sim_run_begin(struct sim *s, struct host *h, enum order order, const char *argument, bool catch_up)
{
	struct run *r = free_run(s, h);
	size_t i;

	if (r == NULL)
		return;
	/* What was about to start when the last run looked is there by now. */
	for (i = 0; i < h->processes; i++) {
		if (h->process[i].state == PROCESS_STARTING)
			process_up(h, &h->process[i]);
	}
	if (r->stack == NULL && (r->stack = malloc(STACK_SIZE)) == NULL)
		abort();
	r->sim = s;
	r->host = h;
	r->active = true;
	r->ended = false;
	r->frozen_until = 0;
	memset(&r->view, 0, sizeof(r->view));
	memset(&r->error, 0, sizeof(r->error));
	r->steering = (struct steering){ .order = order, .host = argument, .hosts = &h->hosts };
	r->settings = (struct flow_settings){
		.phase = { .soak = HOUR, .drain = sim_off(s, GUARD_DRAIN_TIME) ? 0 : 25 * HOUR,
		    .host_timeout = HOUR, .max_age = 2000 * HOUR, .tolerance = 5 * SECOND },
		.self = h->name, .machine = h->name, .boot = "", .list = h->list, .catch_up = catch_up,
		.trust = sim_off(s, GUARD_VOUCH), .redis = "redis", .state_dir = "",
	};
	r->steering.sure = sim_off(s, GUARD_EXCLUDE);
	if (getcontext(&r->context) == -1)
		abort();
	r->context.uc_stack.ss_sp = r->stack;
	r->context.uc_stack.ss_size = STACK_SIZE;
	r->context.uc_link = NULL;
	makecontext(&r->context, sim_run_main, 0);
	sim_trace(s, "%s: run%s", h->name, catch_up ? " (catch-up)" : order == ORDER_START ?
	    " (start)" : order == ORDER_ABORT ? " (abort)" : order == ORDER_ROLLBACK ?
	    " (rollback)" : order == ORDER_EXCLUDE ? " (exclude)" : "");
}

void
host_start_coordinators(struct sim *s, struct host *h)
{
	size_t i;

	h->booting = false;
	h->ignorant &= h->disk.copy.rotation.epoch < sim_newest(s);
	h->synced = h->disk.copy;
	for (i = 0; i < h->processes; i++)
		process_start(h, &h->process[i], false);
}

void
sim_run_resume(struct run *r)
{
	r->sim->running = r;
	sim_entering = r;
	if (swapcontext(&r->sim->scheduler, &r->context) == -1)
		abort();
	if (!r->ended)
		return;
	r->active = false;
	if (r->result == -1)
		sim_trace(r->sim, "%s: %s", r->host->name, r->error.text);
	if (r->settings.catch_up && r->host->booting && r->result == 0)
		host_start_coordinators(r->sim, r->host);
}

void
sim_run_abandon(struct run *r)
{
	r->active = false;
}

void
sim_run_whole(struct sim *s, struct host *h, enum order order, bool trust)
{
	struct run *r = free_run(s, h);

	if (r == NULL)
		return;
	sim_run_begin(s, h, order, NULL, h->booting);
	r->settings.trust |= trust;
	while (r->active && s->failure[0] == '\0') {
		sim_run_resume(r);
		sim_check(s);
	}
}
