#ifndef SECRET_ROTATE_PHASE_SOURCE_H_
#define SECRET_ROTATE_PHASE_SOURCE_H_

#include "effects.h"

/**
 * source_secret(fx, rotation_id, secret, e):
 * Append the secret that the configured source gives for the rotation:
 *	derive   64 hex digits, HKDF-SHA256 (RFC 5869) of the master key file's
 *	         contents, salt = the id as text, info = the environment's name
 *	file     what new_secret_file holds
 *	command  what new_secret_command prints; it finds the id in
 *	         COORDKEEP_ROTATION
 * One trailing newline is dropped. -1 with EX_CONFIG: the source is not
 * configured, its file missing or open to others, the value not fit for a
 * secret; EX_CRITICAL: the command failed. No message holds any of the value.
 * The caller wipes ${secret}, also after a failure.
 */
int source_secret(const struct effects *fx, const char *rotation_id, struct buf *secret,
    struct error *e);
/* Is it fit: 32 to 1024 printable ASCII characters, none of them a space, a quote of any kind,
 * "\", "$" or "#"? -1 with EX_CONFIG that says what is wrong with ${where}. */
int source_check(struct bytes secret, const char *where, struct error *e);
/* flow_ops.fresh: an id of 128 random bits, and the fingerprint of the secret for it. */
int source_fresh(void *ctx, char id[33], char fp[FINGERPRINT_SIZE], struct error *e);

#endif
