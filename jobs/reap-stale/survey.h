#ifndef REAP_STALE_SURVEY_H_
#define REAP_STALE_SURVEY_H_

#include "look.h"
#include "reap.h"

/* What the survey of all (survey.c) and of one (survey_one.c) have in common. */

/* liveness_judge at stale_after for what was looked at. */
struct judgement survey_judge(const struct reap *r, const struct roster_entry *entry,
    const struct look *l, int64_t now);
/* Has it a TTL that ends it within heartbeat_ttl_max? */
bool survey_expires(const struct reap *r, const struct look *l);
/* Has nobody looked yet since it fell silent? After an outage of the server, or a step of its
 * clock, everybody has been silent for long, and nobody may be dead. */
bool survey_fell_unseen(const struct reap *r, const struct roster_entry *entry, int64_t stamp);
/* Findings of a heartbeat, whatever its verdict. */
void survey_oddities(struct reap *r, struct bytes id, const struct look *l,
    const struct judgement *j);
/* A finding if the roster holds a time of it that has not come: its silence cannot be counted. */
void survey_ahead(struct reap *r, struct bytes id, const struct roster_entry *entry);
/* Work the brake, when it is known who is a candidate: r->brake, and a finding. With --coordinator it
 * is said only: a person has looked at this one. */
int survey_brake(struct reap *r, struct error *e);
/* Make ${id} a candidate, unless it is on hold. -1 with ${e}. */
int survey_condemn(struct reap *r, struct bytes id, const struct look *l, const char *verdict,
    int64_t silence, struct error *e);

#endif
