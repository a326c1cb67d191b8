#ifndef TTL_FIXER_FIXER_H_
#define TTL_FIXER_FIXER_H_

#include <stdbool.h>
#include <stdint.h>

#include "coordination/hold.h"
#include "job/run.h"
#include "policy.h"
#include "redis/script.h"

struct ttl_options {
	bool pressure;
	bool report;
};

/* One row of the counts: a family, or a pattern of the site. What is asked of a key has its row as
 * context and the page's key as tag: it stays for all commands of the page. */
struct row {
	struct fixer *fixer;
	struct kind kind;  /* of its keys; of a pattern's without their family */
	int64_t keys;      /* seen */
	int64_t bare;      /* without a TTL when seen */
	int64_t set;       /* given one (in a dry run: would be) */
	int64_t cut;       /* had theirs cut */
	char ttl[24];      /* what is given, as EXPIRE or PEXPIRE takes it */
	bool in_ms;
	char ttl_said[24]; /* "24h" */
};

struct fixer {
	struct run *run;
	struct client *client;
	struct result *result;
	struct policy policy;
	bool dry;
	bool conditional;  /* the server has EXPIRE NX, XX, LT */
	struct script give, cut;
	struct holds holds;/* empty with --force */
	struct row *rows;  /* policy.rows of them */
	int64_t changed;   /* expired, were written or got a TTL between look and write */
	int64_t held;      /* left, since they can be of a coordinator on hold */
	int64_t kept;      /* work without a TTL that is left so: policy_keeps_bare() */
	int64_t dead;      /* heartbeats left for the other jobs */
	int64_t moved;     /* how often the server changed in mid-pass */
	bool resumed;      /* the pass goes on where another one's time was up */
	bool goes_on;      /* and the next will where this one's was */
	struct error refused; /* exit != 0: the first key that this user may not touch */
	struct error fatal;/* exit != 0: no further key can fare better */
};

/* The job: fix, or with --report only look. */
int fixer_run(struct run *r, struct error *e);

/* --pressure (pressure.c): is there any? -1 with ${e} where the cure is refused. */
int pressure_begin(struct run *r, struct error *e);
void pressure_end(struct run *r);

/* --report (report.c). */
int report_run(struct run *r, struct error *e);

#endif
