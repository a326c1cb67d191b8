#ifndef JOB_RUN_DATA_H_
#define JOB_RUN_DATA_H_

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "job/options.h"
#include "job/progress.h"
#include "job/run.h"

/* What is inside a run, for the modules of this floor. */
#define RUN_LEASES 4

struct run {
	const struct job *job;
	struct options options;
	struct settings settings;
	bool configured;            /* settings hold a config that was read */
	bool logging;               /* the log was opened */
	const char *config_path;    /* what was read, if it exists */
	struct redis_target target;
	struct client *client;
	char client_name[64];
	struct lease leases[RUN_LEASES];
	size_t leases_n;
	struct result *result;
	char id[17];
	char host[256];
	int64_t started_wall, started_mono, deadline; /* ms */
	int64_t max_runtime;
	bool stopped;               /* ended early by a signal, the clock or a lost lease */
	bool calm;                  /* that needs nobody's attention: a signal, a pause, a lease */
	char why[480];              /* it was stopped, a sentence */
	int code;                   /* the exit code; -1 = not yet known */
	rlim_t core_limit;          /* the soft limit on core files at the start */
	struct progress progress;
	int64_t pause_looked;       /* mono ms of the last look at coordkeep:pause */
};

/* Does this run change state: does it need the lease, is it stopped by a pause? */
bool run_changes(const struct run *r);
/* Note that the run ends early, and why: the first reason stays. */
void run_stop(struct run *r, bool calm, const char *why);

/* Has SIGTERM or SIGINT come? */
bool signals_came(void);
void signals_catch(void);

/* Take / release the leases; -1 with ${e}. */
int run_take_lease(struct run *r, struct error *e);
void run_release_leases(struct run *r);
/* After a failover the lease may have been lost with the old server: take it again. */
int run_retake_leases(struct run *r, struct error *e);
/* Is it time for run_keep_lease()? */
bool run_lease_is_due(const struct run *r);

/* A pause that comes while a run goes on ends it: is it time to look, and -1 with EX_TEMPFAIL if
 * there is one. Between batches. */
bool run_pause_is_due(const struct run *r);
int run_obey_pause(struct run *r, struct error *e);

/* Read the config, --set and the like into r->settings. */
int run_configure(struct run *r, struct error *e);
/* Open the log as the settings say; plainly when they could not be read. */
int run_open_log(struct run *r, struct error *e);
/* Check the settings, find out what to connect to, start the deadline. */
int run_check(struct run *r, struct error *e);
/* --print-config in its three forms. */
int run_print_config(struct run *r, struct error *e);

/* --pause, --resume. */
int run_pause(struct run *r, struct error *e);
int run_resume(struct run *r, struct error *e);

/* The summary, the metrics, the hooks, the lease, the log: the end of a run that ended early with
 * ${e}, or did not when it is zeroed. The exit code. */
int run_finish(struct run *r, struct error *e);

#endif
