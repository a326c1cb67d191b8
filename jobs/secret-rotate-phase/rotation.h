#ifndef SECRET_ROTATE_PHASE_ROTATION_H_
#define SECRET_ROTATE_PHASE_ROTATION_H_

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

#include "hosts.h"

/*
 * What is kept of a rotation: the record that all hosts share, and what each
 * host reports of itself. No secret is in either, only fingerprints.
 */
#define FINGERPRINT_SIZE 17 /* 16 hex digits and a NUL; "" = no secret */

/* What signs and what is accepted beside it: the two variables of the
 * environment, as fingerprints. */
struct pair {
	char sign[FINGERPRINT_SIZE];
	char other[FINGERPRINT_SIZE];
};

bool pair_same(const struct pair *a, const struct pair *b);
/* Is a signature made under ${fp} accepted by who has ${p}? */
bool pair_accepts(const struct pair *p, const char *fp);
bool fingerprint_valid(struct bytes s);

enum phase {
	PHASE_IDLE,
	PHASE_DISTRIBUTE, /* the new secret is accepted everywhere, nobody signs with it */
	PHASE_PROMOTE,    /* hosts change, one at a time, to signing with it */
	PHASE_DRAIN,      /* all do; the old one stays accepted until nothing needs it */
	PHASE_RETIRE,     /* the old one is dropped */
	PHASE_HOLD,       /* nobody changes what it signs or drops a secret */
	PHASE_COUNT
};
const char *phase_name(enum phase p);
/* False if ${s} names none. */
bool phase_parse(struct bytes s, enum phase *p);

/* A secret in 90 days: for as long as anybody will remember. */
#define RETIRED_MAX 100

/*
 * The record. Zeroed with epoch 0 it stands for "there was never a rotation".
 * epoch is raised by every change of what a host has to do or of whose reports
 * count. turn is claimed and given back under the epoch without raising it:
 * a host that is alone could else raise the epoch above the copies of hosts
 * that are further on, and an old record would win over a newer one.
 */
struct rotation {
	char id[33];                   /* 32 hex digits; salt of a derived secret */
	char fleet[33];                /* id of the fleet's first rotation; "" = from before it was kept */
	uint64_t epoch;
	enum phase phase;
	enum phase then;               /* of PHASE_HOLD: PHASE_RETIRE or PHASE_PROMOTE */
	bool confirm;                  /* all agreed once: each looks a second time */
	bool skip_drain;
	char sign[FINGERPRINT_SIZE];   /* what hosts sign with (IDLE: what they do) */
	char other[FINGERPRINT_SIZE];  /* what they accept beside it; in RETIRE: what they drop */
	int64_t since;                 /* Redis ms, of the phase */
	int64_t started;               /* of the rotation */
	int64_t rotated;               /* since when what the last one brought has signed, 0 = none was made */
	int64_t promoted;              /* of this one the same; below 0: it goes back, or was not promoted
	                                  yet; 0 in IDLE, or a record from before it was kept */
	struct hosts hosts;            /* frozen at the start */
	char list[FINGERPRINT_SIZE];   /* digest of the list at the start */
	char turn[HOST_SIZE];          /* who may restart its coordinators, "" = nobody */
	int64_t turn_since;
	size_t retired_n;
	char retired[RETIRED_MAX][FINGERPRINT_SIZE]; /* oldest first */
	char by[17];                   /* the run that wrote it: tells our own write */
};

/* Is ${fp} one that this rotation has to do with: sign, other, or retired? */
bool rotation_knows(const struct rotation *r, const char *fp);
/* Was ${fp} taken out of use by an earlier rotation? */
bool rotation_retired(const struct rotation *r, const char *fp);
void rotation_retire(struct rotation *r, const char *fp);
/* Give it its fleet if it has none. */
void rotation_bind(struct rotation *r);
/* Are they of two fleets, for certain? */
bool rotation_foreign(const struct rotation *a, const struct rotation *b);
/* The same thing to do for every host? (epoch, turn and times aside) */
bool rotation_same(const struct rotation *a, const struct rotation *b);

/* What a host runs, as it saw itself. */
#define PAIRS_MAX 8
struct state {
	bool known;           /* false: the file or the processes could not be looked at */
	struct pair file;
	size_t processes;     /* that carry the variable */
	size_t pairs;         /* different ones among them; PAIRS_MAX + 1 = more than are kept */
	struct pair pair[PAIRS_MAX];
};
/* Enter one process. */
void state_add(struct state *s, const struct pair *p);
/* The first fingerprint of ${s} that the rotation does not know: *fp, "" where no secret signs, NULL
 * if there is none. True if a process has it, false if the file. */
bool state_stranger(const struct rotation *r, const struct state *s, const char **fp);
/* Does the file or a process sign with ${fp}? */
bool state_signs(const struct state *s, const char *fp);

struct report {
	char host[HOST_SIZE];
	uint64_t epoch;              /* of the record that it was made under */
	int64_t time;                /* Redis ms when the host looked at itself */
	uint64_t copy;               /* epoch of the host's own copy of the record, 0 = none */
	char list[FINGERPRINT_SIZE]; /* digest of the host's own list of hosts */
	char machine[HOST_SIZE];     /* the machine's own name, "" = not known */
	char boot[33];               /* 32 hex digits: which boot of its kernel, "" = not known */
	int64_t rival;               /* Redis ms of the last report that another machine made
	                                under this name, 0 = none was seen */
	struct state state;
};

#define REPORTS_MAX 96
struct reports {
	size_t n;
	bool overflow; /* there were more */
	struct report report[REPORTS_MAX];
};
/* The newest report of ${host} (by host_same); NULL if there is none. */
const struct report *reports_find(const struct reports *r, const char *host);

/*
 * As text: the fields of the record's hash (and the lines of a host's copy),
 * and a report in one field of the hash beside it.
 */
#define ROTATION_FIELDS 20
struct field {
	const char *name; /* constant */
	struct buf value;
};
/* Fill ${f}; free with rotation_fields_free. -1 without memory. */
int rotation_format(const struct rotation *r, struct field f[ROTATION_FIELDS]);
void rotation_fields_free(struct field f[ROTATION_FIELDS]);
/* Enter one field into ${r} (zeroed before the first). An unknown name is no
 * error. Returns false if the value cannot be read. */
bool rotation_enter(struct rotation *r, struct bytes name, struct bytes value);
/* Can ${name} be absent? A record from before it was kept has no such field. */
bool rotation_field_optional(const char *name);
/* After the last field: is it a whole and consistent record? */
bool rotation_whole(const struct rotation *r);

/* One line, without the host's name. */
void report_format(const struct report *r, struct buf *out);
bool report_parse(struct bytes s, struct report *r);

#endif
