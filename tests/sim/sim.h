#ifndef TESTS_SIM_SIM_H_
#define TESTS_SIM_SIM_H_

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#include "secret-rotate-phase/steer.h"

/*
 * A simulation of secret-rotate-phase: two to five hosts, each with a file, some
 * processes that read it only when they start, and its own copy of the record,
 * against one Redis. The runs are the job's own flow.c and steer.c over
 * simulated effects; each run is a coroutine that can be stopped, frozen or
 * ended at any effect. After every step two things have to be true: of any two
 * running processes each accepts what the other signs; and what was signed is
 * accepted everywhere until it expires.
 *
 * The protocol's safeguards can be switched off one at a time: then the
 * simulation has to find a schedule that breaks something. That is the test of
 * this test.
 */
enum safeguard {
	GUARD_LOCK,       /* one run a host at a time */
	GUARD_EPOCH,      /* reports count only under the record's exact epoch */
	GUARD_FRESH,      /* and while younger than host_timeout */
	GUARD_DEADLINE,   /* a move is refused when its reports are no longer of the moment */
	GUARD_PUT_BACK,   /* a lost or older record is put back from the copy */
	GUARD_COPY_SYNC,  /* the copy is on disk, not only written: a host that loses power has it */
	GUARD_PROCESSES,  /* reports tell of the processes, not of the file alone */
	GUARD_CONFIRM,    /* agreement is asked for twice */
	GUARD_DRAIN_TIME,
	GUARD_DRAIN_PASS,
	GUARD_SOURCE,     /* a secret that is not the record's is not installed */
	GUARD_EXCLUDE,    /* a host that runs something cannot be excluded */
	GUARD_LISTS,      /* a start needs the same list everywhere, and no unlisted host */
	GUARD_NAMED,      /* nor one that a heartbeat names */
	GUARD_HOLD,       /* an abort goes through hold */
	GUARD_CATCH_UP,   /* a host that was away brings its file up to date before it starts */
	GUARD_VOUCH,      /* a host that was away asks the others whether the record is the latest */
	GUARD_FLEET,      /* a record of another fleet is not taken for this one's */
	GUARD_TURN,       /* one host restarts at a time */
	GUARDS
};
extern const char *const guard_names[GUARDS];

#define SIM_HOSTS 5
#define SIM_PROCESSES 3
#define SIM_RUNS 2       /* at once on a host, without the lock */
#define SIM_MESSAGES 32 /* a sample of them is enough, and quick to check */
#define SIM_SNAPSHOTS 4

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

struct message {
	char fp[FINGERPRINT_SIZE];
	int64_t visible, expires;
};

struct redis {
	bool there;
	struct rotation record;
	struct reports reports;
	struct message message[SIM_MESSAGES];
	size_t messages;
};

enum process_state { PROCESS_NONE, PROCESS_STARTING, PROCESS_RUNNING };
struct process {
	enum process_state state;
	struct pair env; /* as the file was when it began to start */
};

struct disk {
	struct pair file;
	struct copy copy;
};

struct sim;
struct host;

struct run {
	struct sim *sim;
	struct host *host;
	bool active;
	bool ended;                 /* by itself */
	int64_t frozen_until;
	struct steering steering;
	struct flow_settings settings;
	struct flow_view view;
	int result;
	struct error error;
	ucontext_t context;
	char *stack;
};

struct host {
	char name[8];
	char list[FINGERPRINT_SIZE];
	struct hosts hosts;         /* in its config */
	struct disk disk, image;    /* image: an old backup of the disk */
	struct copy synced;         /* without GUARD_COPY_SYNC: what a loss of power leaves */
	bool up, booting;           /* booting: up, but the coordinators wait for the catch-up */
	bool ignorant;              /* an old disk, or excluded: has not caught up yet */
	bool hurt;                  /* a restart of ours left it without coordinators */
	bool dropped, excluded;     /* dropped: from the record; excluded: and was down then or later */
	bool changed;               /* since the last check */
	bool restart_pending;       /* a command timed out and goes on by itself */
	int64_t away_since;
	int64_t evidence;           /* when it last looked at itself for a report that was sent */
	char source[FINGERPRINT_SIZE]; /* what its source gives when it is not the right one */
	struct process process[SIM_PROCESSES];
	size_t processes;
	struct run run[SIM_RUNS];
};

struct sim {
	uint64_t seed, random;
	unsigned off;               /* safeguards that are switched off, a bit each */
	bool trace;
	int64_t now;
	int step;
	unsigned secrets, writes;   /* made so far */
	struct redis redis, snapshot[SIM_SNAPSHOTS];
	struct rotation seen;       /* the record after the last event */
	bool redis_lost;            /* at least once */
	struct host host[SIM_HOSTS];
	size_t hosts;
	struct run *running;        /* the coroutine that is on */
	ucontext_t scheduler;
	int ended;                  /* rotations that came to their end */
	char failure[256];          /* "" = all well */
};

/* world.c */
struct sim *sim_new(uint64_t seed, unsigned off, bool trace);
void sim_free(struct sim *s);
bool sim_off(const struct sim *s, enum safeguard g);
/* A number below ${n}; true in ${percent} of all cases. */
uint64_t sim_random(struct sim *s, uint64_t n);
bool sim_chance(struct sim *s, unsigned percent);
void sim_trace(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void sim_fail(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Are the two things true that always have to be? */
void sim_check(struct sim *s);
/* A move of the phase relies on what each host saw of itself, not too long ago.
 * (From drain back to promote one host's word is enough.) */
void sim_check_evidence(struct sim *s, const struct rotation *before,
    const struct rotation *next);
void sim_secret(struct sim *s, char fp[FINGERPRINT_SIZE]);
void host_kill_processes(struct host *h);
/* A process (re)starts: it reads the file now and is there now or, if ${slow}, later. */
void process_start(struct host *h, struct process *p, bool slow);
/* What was starting is there. */
void process_up(struct host *h, struct process *p);
bool host_running(const struct host *h);
/* The epoch of the newest copy that any host has. */
uint64_t sim_newest(const struct sim *s);

/* effects.c: the effects of a run, each a point at which it can be stopped. */
extern const struct flow_ops sim_ops;

/* runs.c */
void sim_run_begin(struct sim *s, struct host *h, enum order order, const char *argument,
    bool catch_up);
void sim_run_resume(struct run *r);
void sim_run_abandon(struct run *r);
/* From its beginning to its end, undisturbed. ${trust}: with --force. */
void sim_run_whole(struct sim *s, struct host *h, enum order order, bool trust);
bool sim_run_possible(struct sim *s, struct host *h);
/* The coordinators of a host that boots start. */
void host_start_coordinators(struct sim *s, struct host *h);

/* What happens often, in four moods: nothing more than else; Redis is lost;
 * hosts go and come; runs are killed and frozen. */
enum mood { MOOD_PLAIN, MOOD_REDIS, MOOD_HOSTS, MOOD_RUNS, MOODS };

/* losses.c: things that get lost. */
void event_host(struct sim *s);
void event_redis(struct sim *s);
/* The power goes and comes again, for the hosts and for Redis. */
void event_power_cut(struct sim *s);
/* One run goes to the Redis of another fleet, of the same hosts and the same secret. */
void event_foreign(struct sim *s);
/* Was ${h}, or some host, excluded, and runs all the same? Nothing but its own runs speak for it. */
bool sim_is_outside(const struct sim *s, const struct host *h);
bool sim_one_is_outside(const struct sim *s);
/* Who is down, and was dropped from the record, was excluded: call it after each event. */
void sim_note_excluded(struct sim *s);
/* Such a host is waited for only as long as it reports: its timer goes on. */
void sim_hear_outside(struct sim *s);

/* events.c: one random step of the world. */
struct host *sim_host(struct sim *s);
void sim_event(struct sim *s);
/* From now on nothing goes wrong any more: does what was begun come to its end? */
void sim_calm(struct sim *s);

/* A whole world. 0, or -1 with s->failure. */
int sim_world(uint64_t seed, unsigned off, bool trace, int *ended, char *failure, size_t size);

#endif
