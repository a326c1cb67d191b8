#include "coordination/signature.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "base/bytes.h"
#include "coordination/keys.h"
#include "coordination/record.h"

#define DIGEST_SIZE 32

int
hmac_sha256(struct bytes key, struct bytes data, unsigned char out[32])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char[]){ "SHA256" }, 0),
		OSSL_PARAM_construct_end(),
	};
	/* A key of no bytes is a key too: NULL would mean "keep the last one". */
	const unsigned char *k = (const unsigned char *)(key.n > 0 ? key.p : "");
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	EVP_MAC_CTX *ctx = mac == NULL ? NULL : EVP_MAC_CTX_new(mac);
	size_t n = 0;
	int r = -1;

	if (ctx != NULL && EVP_MAC_init(ctx, k, key.n, params) == 1 &&
	    EVP_MAC_update(ctx, (const unsigned char *)data.p, data.n) == 1 &&
	    EVP_MAC_final(ctx, out, &n, DIGEST_SIZE) == 1 && n == DIGEST_SIZE)
		r = 0;
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
	return r;
}

static OSSL_PARAM
octets(const char *name, struct bytes s)
{
	return OSSL_PARAM_construct_octet_string(name, (void *)(uintptr_t)s.p, s.n);
}

int
hkdf_sha256(struct bytes secret, struct bytes salt, struct bytes info, unsigned char *out,
    size_t n)
{
	OSSL_PARAM params[5];
	EVP_KDF *kdf = NULL;
	EVP_KDF_CTX *ctx = NULL;
	size_t i = 0;
	int r = -1;

	if (secret.n == 0)
		return -1;
	params[i++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
	    (char[]){ "SHA256" }, 0);
	params[i++] = octets(OSSL_KDF_PARAM_KEY, secret);
	/* Without a salt the RFC's default holds, as many zeros as the hash has bytes. */
	if (salt.n > 0)
		params[i++] = octets(OSSL_KDF_PARAM_SALT, salt);
	if (info.n > 0)
		params[i++] = octets(OSSL_KDF_PARAM_INFO, info);
	params[i] = OSSL_PARAM_construct_end();
	kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	ctx = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
	if (ctx != NULL && EVP_KDF_derive(ctx, out, n, params) == 1)
		r = 0;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return r;
}

static void
hex_of(const unsigned char *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}

int
secret_fingerprint(struct bytes secret, char out[17])
{
	unsigned char key[DIGEST_SIZE], mac[DIGEST_SIZE];
	struct bytes none = { NULL, 0 };
	int r;

	r = hkdf_sha256(secret, none, B("coordkeep-fp"), key, sizeof(key));
	if (r == 0)
		r = hmac_sha256((struct bytes){ (const char *)key, sizeof(key) }, none, mac);
	if (r == 0)
		hex_of(mac, 8, out);
	explicit_bzero(key, sizeof(key));
	explicit_bzero(mac, sizeof(mac));
	return r;
}

/* A value with what its signature is made of. */
struct signed_value {
	struct bytes value;
	struct record *record;
};

/* The text that a template would print for the first of ${names} that is
 * there: a string's contents, a number's own digits. */
static bool
part_text(const struct signed_value *v, const char *const *names, struct bytes *text)
{
	for (; *names != NULL; names++) {
		if (record_text(v->record, *names, text))
			return true;
		if (!record_raw(v->value, *names, text))
			continue;
		return text->p[0] == '-' || (text->p[0] >= '0' && text->p[0] <= '9');
	}
	return false;
}

/* What to sign, and the ids that the key has to agree with. */
#define PARTS 4
struct layout {
	const char *const names[PARTS][3];
};
static const struct layout signal_layout = { {
	{ "senderId", "s", NULL },
	{ "receiverId", "r", NULL },
	{ "type", "t", NULL },
	{ "timestamp", "ts", NULL },
} };
static const struct layout ack_layout = { {
	{ "coordinatorId", NULL },
	{ "signalId", NULL },
	{ "timestamp", NULL },
	{ "iteration", NULL },
} };

static bool
read_parts(const struct signed_value *v, const struct layout *layout, struct bytes parts[PARTS])
{
	size_t i;

	for (i = 0; i < PARTS; i++)
		if (!part_text(v, layout->names[i], &parts[i]))
			return false;
	return true;
}

static int
mac_of(const struct bytes parts[PARTS], struct bytes secret, unsigned char mac[DIGEST_SIZE])
{
	struct buf payload = { 0 };
	size_t i;
	int r = -1;

	for (i = 0; i < PARTS; i++) {
		if (i > 0)
			buf_char(&payload, ':');
		buf_bytes(&payload, parts[i]);
	}
	if (!payload.failed)
		r = hmac_sha256(secret, buf_view(&payload), mac);
	buf_free(&payload);
	return r;
}

static int
sign(struct bytes value, const struct layout *layout, struct bytes secret, char out[65])
{
	struct signed_value v = { .value = value };
	struct bytes parts[PARTS];
	unsigned char mac[DIGEST_SIZE];
	const char *why;
	int r = -1;

	v.record = record_parse(value, &why);
	if (v.record == NULL)
		return -1;
	if (read_parts(&v, layout, parts) && mac_of(parts, secret, mac) == 0) {
		hex_of(mac, sizeof(mac), out);
		r = 0;
	}
	record_free(v.record);
	return r;
}

int
signal_sign(struct bytes value, struct bytes secret, char out[65])
{
	return sign(value, &signal_layout, secret, out);
}

int
ack_sign(struct bytes value, struct bytes secret, char out[65])
{
	return sign(value, &ack_layout, secret, out);
}

static bool
unhex(struct bytes s, unsigned char mac[DIGEST_SIZE])
{
	size_t i;
	int high, low;

	if (s.n != SIGNATURE_HEX)
		return false;
	for (i = 0; i < DIGEST_SIZE; i++) {
		high = bytes_hex_digit(s.p[2 * i]);
		low = bytes_hex_digit(s.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		mac[i] = (unsigned char)(high << 4 | low);
	}
	return true;
}

static bool
signal_agrees(struct bytes key, const struct bytes parts[PARTS])
{
	struct bytes rest;

	return family_of(key, &rest) == FAMILY_SIGNAL && bytes_equal(rest, parts[1]);
}

/* "<coordinatorId>:<signalId>", or in the older form the coordinator alone. */
static bool
ack_agrees(struct bytes key, const struct bytes parts[PARTS])
{
	struct bytes rest, id = parts[0], signal_id = parts[1];

	if (family_of(key, &rest) != FAMILY_ACK || !bytes_starts(rest, id))
		return false;
	if (rest.n == id.n)
		return true;
	return rest.p[id.n] == ':' && bytes_equal(bytes_from(rest, id.n + 1), signal_id);
}

typedef bool agrees_fn(struct bytes key, const struct bytes parts[PARTS]);

static enum signature_state
verify_record(struct bytes key, const struct signed_value *v, const struct layout *layout,
    agrees_fn *agrees, struct bytes secret)
{
	struct bytes parts[PARTS], signature, raw;
	unsigned char stated[DIGEST_SIZE], mac[DIGEST_SIZE];
	enum signature_state state;

	if (!record_text(v->record, "signature", &signature))
		return record_raw(v->value, "signature", &raw) ? SIGNATURE_MALFORMED :
		    SIGNATURE_UNSIGNED;
	if (!unhex(signature, stated) || !read_parts(v, layout, parts) || !agrees(key, parts))
		return SIGNATURE_MALFORMED;
	state = SIGNATURE_INVALID;
	if (mac_of(parts, secret, mac) == 0 && CRYPTO_memcmp(mac, stated, DIGEST_SIZE) == 0)
		state = SIGNATURE_VALID;
	/* The right signature of a forged record is as good as a secret to its forger. */
	explicit_bzero(mac, sizeof(mac));
	return state;
}

static enum signature_state
verify(struct bytes key, struct bytes value, const struct layout *layout, agrees_fn *agrees,
    struct bytes secret)
{
	struct signed_value v = { .value = value };
	enum signature_state state;
	const char *why;

	v.record = record_parse(value, &why);
	if (v.record == NULL)
		return SIGNATURE_MALFORMED;
	state = verify_record(key, &v, layout, agrees, secret);
	record_free(v.record);
	return state;
}

enum signature_state
signal_verify(struct bytes key, struct bytes value, struct bytes secret)
{
	return verify(key, value, &signal_layout, signal_agrees, secret);
}

enum signature_state
ack_verify(struct bytes key, struct bytes value, struct bytes secret)
{
	return verify(key, value, &ack_layout, ack_agrees, secret);
}
