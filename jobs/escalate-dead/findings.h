#ifndef ESCALATE_DEAD_FINDINGS_H_
#define ESCALATE_DEAD_FINDINGS_H_

#include "escalate.h"

/* What a person should see of one coordinator; nothing of those that the brake covers. */
void findings_of(struct coordinator *c);
/* Many are gone at once: how many, and what becomes of them. After survey_decide. */
void findings_brake(struct escalate *x);
/* Work keys of which somebody dead may be the owner. */
void findings_uncertain(struct escalate *x);

#endif
