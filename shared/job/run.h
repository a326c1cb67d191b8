#ifndef JOB_RUN_H_
#define JOB_RUN_H_

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "base/status.h"
#include "job/result.h"
#include "job/settings.h"
#include "redis/client.h"
#include "redis/lease.h"
#include "redis/scan.h"

/*
 * The life of a run, the same for every job: command line, config, log,
 * deadline, pause, lease, the job, summary, metrics, hooks, exit code. main() is
 *
 *	int
 *	main(int argc, char **argv)
 *	{
 *		return job_main(&reap_stale, argc, argv);
 *	}
 */
struct run;

enum option_kind { OPTION_FLAG, OPTION_COUNT, OPTION_STRING, OPTION_DURATION };

/* A job's own option; a table ends with name NULL. */
struct job_option {
	const char *name;     /* long name without "--" */
	const char *argument; /* "ID", "FILE"; NULL for a flag */
	enum option_kind kind;
	size_t offset;        /* into the job's options struct: bool / int / const char * / int64_t ms */
	const char *help;     /* one line */
	bool read_only;       /* this mode changes nothing: no lease, no pause, no metrics */
	bool in_pause;        /* this mode is not stopped by a pause */
	int64_t max_runtime;  /* ms, of this mode in place of the job's; 0 = the same */
};

struct job {
	const char *name;
	const char *summary;       /* one line for --help */
	const char *example;       /* the example at the end of --help */
	const struct job_option *options;
	size_t options_size;       /* of the job's options struct (zeroed before parsing) */
	int64_t max_runtime;       /* ms, when [job] max_runtime is 0 */
	bool read_only;            /* changes no coordination state: not stopped by a pause, no lease */
	bool lease_optional;       /* goes on without a lease when the server answers OOM */
	bool no_lease;             /* never takes one (secret-rotate-phase: flock) */
	bool no_redis;             /* connects by itself with run_connect, if at all */
	/* Check the options against one another: 0, or -1 with EX_USAGE. May be NULL. */
	int (*check)(const void *options, const struct settings *s, struct error *e);
	/* Do it. 0, or -1 with ${e}: how the run ended early. What was done and found is in run_result(). */
	int (*run)(struct run *r, struct error *e);
};

int job_main(const struct job *job, int argc, char **argv);

/* For the job's run function. */
const void *run_options(const struct run *r);          /* its options struct */
const struct settings *run_settings(const struct run *r);
struct client *run_client(struct run *r);               /* connected */
/* Connect, as the run itself does for jobs without no_redis; then run_client() is set. NULL with
 * ${e}; EX_TEMPFAIL if there is a pause that stops this run. Once connected, the same client. */
struct client *run_connect(struct run *r, struct error *e);
const struct redis_target *run_target(const struct run *r); /* what it connects to */
struct result *run_result(struct run *r);
const char *run_id(const struct run *r);                /* 16 hex digits, in log and journal names */
const char *run_host(const struct run *r);
int run_db(const struct run *r);                        /* the db that it is connected to */
bool run_dry(const struct run *r);                      /* --dry-run */
bool run_forced(const struct run *r);                   /* --force: overrides pause and hold */
int run_force_count(const struct run *r);               /* how many times --force was given */
bool run_quiet(const struct run *r);
bool run_verbose(const struct run *r);
bool run_json(const struct run *r);
int64_t run_now(const struct run *r);                   /* Redis clock, ms */
/* Has a signal come, or is the time up (less a reserve to finish)? Asked between batches. The
 * run then ends early with 75 and "said so". */
bool run_should_stop(struct run *r);
int64_t run_time_left(const struct run *r);             /* ms until max_runtime */
/* Renew the lease if it is time. -1 with EX_TEMPFAIL: it was lost, stop. Between batches. */
int run_keep_lease(struct run *r, struct error *e);
/* Also take the leases of the other jobs (reap-stale --all). -1 with EX_TEMPFAIL naming it. */
int run_take_all_leases(struct run *r, struct error *e);
/* Scan what ${match} (a constant pattern; NULL = all keys) matches with the run's settings, stop,
 * lease, progress line and the "keys-scanned" count; starts again up to three times if the server moved, after calling ${again} (may be NULL) so that the
 * job can drop what it gathered. Marks the result incomplete when run_should_stop() ended it, not
 * when the callbacks' own stop did. */
int run_scan(struct run *r, const char *match, const struct scan_callbacks *callbacks,
    void (*again)(void *ctx), uint64_t from, struct scan_result *result, struct error *e);
/* Load coordkeep:hold. One whose time cannot be read is a finding, once a run that can act. */
struct holds;
int run_load_holds(struct run *r, struct holds *h, struct error *e);
/* Wait ${ms} (liveness confirm) and keep the lease, unless asked to stop. False: was stopped, or
 * at once if the time left is shorter, or the lease was lost: the run then ends with 75. */
bool run_sleep(struct run *r, int64_t ms);
/* Ask on the terminal; needs "yes" typed. Without a terminal, or when asked to stop, false. */
bool run_ask(struct run *r, const char *question);
/* Run [hooks] on_escalation etc. with the JSON ${document} on stdin. Failures are logged. */
void run_hook(struct run *r, const char *name, const char *command, struct bytes document);

/* Append the path of this job's local state file ${name}, [job] state_dir/JOB.NAME; nothing when
 * no state_dir is set. The directory is made if it can be (not in a dry run); that it could not is
 * no error. -1 without memory. */
int run_state_path(const struct run *r, const char *name, struct buf *path);

#endif
