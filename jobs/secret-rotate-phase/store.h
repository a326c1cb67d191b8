#ifndef SECRET_ROTATE_PHASE_STORE_H_
#define SECRET_ROTATE_PHASE_STORE_H_

#include "effects.h"

/*
 * The rotation in Redis: the record, a hash, and the hosts' reports, a hash
 * beside it with a field a host. As flow_ops has them; ${ctx} is a struct
 * effects with a client.
 */
#define ROTATION_KEY "coordkeep:rotation"
#define REPORTS_KEY "coordkeep:rotation:reports"

/* EX_CRITICAL for a record that cannot be read: it is never guessed, nor written over. */
int store_record_read(void *ctx, struct rotation *r, bool *there, struct error *e);
int store_record_put(void *ctx, const struct rotation *expected, int64_t deadline,
    const struct rotation *next, bool turn, enum put_result *result, struct error *e);
int store_turn_put(void *ctx, uint64_t epoch, const char *from, const char *to, int64_t now,
    bool *done, struct error *e);
/* A report that cannot be read is named in the log and counts as none. Of more than
 * REPORTS_MAX the oldest are left out. */
int store_reports_read(void *ctx, struct reports *reports, struct error *e);
int store_report_put(void *ctx, const struct report *report, struct error *e);
int store_named(void *ctx, const struct hosts *hosts, const struct reports *reports,
    struct named *named, struct error *e);

#endif
