#ifndef JOB_RESULT_H_
#define JOB_RESULT_H_

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "base/bytes.h"

/* What a run did: counts, findings, actions. It becomes the text summary, the
 * JSON document (schema 1, conf/result.schema.json), the metrics and the exit code. */
struct result;

enum severity { SEVERITY_WARNING, SEVERITY_CRITICAL };

struct result *result_new(void);
void result_free(struct result *r);

/* Add ${n} to count ${name} (a constant kebab-case name; made when first named, kept in that order). */
void result_count(struct result *r, const char *name, int64_t n);
int64_t result_get(const struct result *r, const char *name);

/* A finding: something that a person should see. ${code} is a constant kebab-case name, ${key} the
 * key or id it is about (empty = none). Also logged (warn or error), event = code. At most
 * 1000 are kept, all are counted. */
void result_finding(struct result *r, const char *code, enum severity severity,
    struct bytes key, const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* Has a finding with that code been made? */
bool result_has_finding(const struct result *r, const char *code);
int64_t result_findings(const struct result *r);

/* An action taken (or, in a dry run, that would be): "unlink", "expire", ... At
 * most 1000 are kept for JSON, all are counted. With log level info, logged as ${text}. */
void result_action(struct result *r, const char *action, struct bytes key, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));
/* Neither JSON nor a hook will show them: they are counted and logged only. */
void result_forget_actions(struct result *r);
/* Will anybody read the text of the next one? */
bool result_reads_action(const struct result *r);

/* A key on which something failed: counted ("failed"), logged as an error with
 * its name, makes the exit code 2 at least. */
void result_failed(struct result *r, const char *event, struct bytes key, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* A key of which nobody can tell whether it was changed, since the reply was lost: the same, but
 * counted as "unknown". */
void result_unknown(struct result *r, const char *event, struct bytes key, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* The summary: a line on stdout, unless -q, in text format only. Kept until the end of the run
 * and printed then, in order. */
void result_say(struct result *r, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A gauge or counter for the metrics file: name without the "coordkeep_" prefix,
 * help, and optionally one label. type "gauge"; "counter" values are added to
 * what the file holds from earlier runs. */
void result_gauge(struct result *r, const char *name, const char *help, double value);
void result_counter(struct result *r, const char *name, const char *help, double add);
void result_gauge_labelled(struct result *r, const char *name, const char *help,
    const char *label, struct bytes label_value, double value);

/* The job's own object in the JSON document, under ${name}; takes the reference. */
void result_object(struct result *r, const char *name, json_t *value);
/* A json string of bytes: UTF-8 as it is, then *field = "key"; else in base64, then *field =
 * "key_b64". ${field} may be NULL. NULL without memory. */
json_t *result_json_key(struct bytes s, const char **field);

/* Mark the pass as complete / incomplete (default complete). */
void result_incomplete(struct result *r);

#endif
