#ifndef ESCALATE_DEAD_REPORT_H_
#define ESCALATE_DEAD_REPORT_H_

#include "escalate.h"

/* Summary, counts, metrics and the JSON object of a run; ${ended} false: it ended early. */
void report_run(struct escalate *x, const struct error *e);
/* One coordinator as JSON; NULL without memory. */
json_t *report_json(const struct coordinator *c);

#endif
