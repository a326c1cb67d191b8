#ifndef COORDINATION_SIGNATURE_H_
#define COORDINATION_SIGNATURE_H_

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/*
 * HMAC-SHA256 (RFC 2104, FIPS 198-1) over OpenSSL's EVP interface, as
 * coordinators sign: lowercase hex, key = the bytes of the secret string as it
 * stands in the environment. Signal payload senderId:receiverId:type:timestamp,
 * ack payload coordinatorId:signalId:timestamp:iteration; timestamp is the
 * number's own text.
 */
#define SIGNATURE_HEX 64
int hmac_sha256(struct bytes key, struct bytes data, unsigned char out[32]);
/* HKDF-SHA256 (RFC 5869). -1 for an empty secret too: nothing derived from it is one. */
int hkdf_sha256(struct bytes secret, struct bytes salt, struct bytes info,
    unsigned char *out, size_t n);
/* 16 hex digits and a NUL: the first 64 bits of HMAC-SHA256("", keyed by
 * HKDF(secret, info "coordkeep-fp")). */
int secret_fingerprint(struct bytes secret, char out[17]);

enum signature_state {
	SIGNATURE_VALID,
	SIGNATURE_INVALID,  /* or OpenSSL failed: what was not proved is not valid */
	SIGNATURE_UNSIGNED, /* no signature field */
	SIGNATURE_MALFORMED /* not a record, ids that are not those of the key, not 64 hex digits */
};
/* Sign: the hex signature of the payload of a signal / ack value. -1: no record, or a part of the
 * payload is missing. A string part counts as its contents, a number as its own digits. */
int signal_sign(struct bytes value, struct bytes secret, char out[65]);
int ack_sign(struct bytes value, struct bytes secret, char out[65]);
/* Verify the value of a signal / ack key under ${secret}, constant time; digits a to f in either
 * case. The older ack key, blocking:ack:<id>, names the coordinator alone. */
enum signature_state signal_verify(struct bytes key, struct bytes value, struct bytes secret);
enum signature_state ack_verify(struct bytes key, struct bytes value, struct bytes secret);

#endif
