#ifndef SECRET_ROTATE_PHASE_ENVTEXT_H_
#define SECRET_ROTATE_PHASE_ENVTEXT_H_

#include <stdbool.h>

#include "base/bytes.h"

/*
 * The text of an environment file, read as systemd reads EnvironmentFile=
 * (systemd.exec(5), and parse_env_file() in its source): lines NAME=VALUE,
 * comments after # and ; at the line's start, values bare, in single or double
 * quotes or pieced together from these, a backslash before a line's end
 * continues the line, of a repeated name the last one holds. Names are kept
 * that systemd would then drop as invalid; they are no concern of ours.
 */
struct assignment {
	struct bytes name;
	struct buf value;  /* unquoted */
	size_t line;       /* where its line begins */
	size_t from, end;  /* what stands behind the "=", up to the line's end */
	size_t next;       /* behind the line's end */
	bool open;         /* the text ended within quotes or after a backslash */
};

struct envtext {
	struct assignment *assignment;
	size_t n, cap;
};

/* A comment that ends in a backslash: does it go on in the next line? It does
 * up to systemd 253, it does not from 254 on. */
enum envtext_dialect { ENVTEXT_COMMENT_CONTINUES, ENVTEXT_COMMENT_ENDS };

/* Parse; the names are views into ${text}. -1 without memory. */
int envtext_parse(struct bytes text, enum envtext_dialect d, struct envtext *t);
/* Wipe and free. Zeroed is harmless. */
void envtext_free(struct envtext *t);
/* The assignment that holds for ${name}, NULL if there is none. */
const struct assignment *envtext_find(const struct envtext *t, struct bytes name);

enum envtext_result {
	ENVTEXT_OK,
	ENVTEXT_MISSING,   /* ${name} of the first kind is not set in it */
	ENVTEXT_AMBIGUOUS, /* the versions of systemd read it differently */
	ENVTEXT_NUL,       /* it holds a NUL byte */
	ENVTEXT_MEMORY
};

/* A variable and its value: as read, or as wanted. n == 0: not set. */
struct setting {
	struct bytes name;
	struct buf value;
};
void setting_wipe(struct setting *s);

/* Read the values of ${sign} and ${other} (empty where unset or empty). */
enum envtext_result envtext_get(struct bytes text, struct setting *sign, struct setting *other);
/**
 * envtext_edit(text, sign, other, out):
 * Append ${text} with the two variables as wanted; an empty ${other} is taken
 * out. Every occurrence of a repeated variable is set (or taken out), so that
 * who reads the first one reads the same. Every other byte is kept. What comes
 * out was read again, by both dialects, and says the same of every other
 * variable: else it is ENVTEXT_AMBIGUOUS. On failure ${out} is as it was.
 */
enum envtext_result envtext_edit(struct bytes text, const struct setting *sign,
    const struct setting *other, struct buf *out);

#endif
