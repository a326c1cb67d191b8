#ifndef CLOCK_AUDIT_AUDIT_H_
#define CLOCK_AUDIT_AUDIT_H_

#include "fleet.h"
#include "job/run.h"
#include "kernel.h"
#include "measure.h"
#include "named.h"
#include "report.h"
#include "survey.h"

/* One run: what was measured and read. */
struct audit {
	struct run *run;
	const struct settings *settings;
	struct result *result;
	struct bytes host;            /* this host's name in the reports */
	struct measurement measured;
	struct kernel_view kernel;
	struct survey survey;
	struct named_writer *writers; /* of whom something is to be said, the worst first */
	size_t writers_n;
	struct fleet fleet;
	struct fleet_pair pair;
	int64_t now;                  /* Redis ms, at the end */
};

int audit_run(struct run *run, struct error *e);

/* tell.c: what it means, as findings; as metrics; as text. */
void audit_findings(struct audit *a);
void audit_metrics(const struct audit *a);
void audit_text(const struct audit *a);
/* json.c: the object "clock" of the result. -1 without memory. */
int audit_json(const struct audit *a);

/* "0.4 ms", "20.0 s", "2h4m" appended; signed: with a sign in front. */
void audit_amount(struct buf *out, int64_t us, bool with_sign);
/* The same for the error of ${value}: never less than it is and what audit_amount rounds off
 * ${value}, so that the truth is within what is printed. */
void audit_error(struct buf *out, int64_t us, int64_t value);

#endif
