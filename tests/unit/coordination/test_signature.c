#include "coordination/signature.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "base/bytes.h"

Suite *suite_signature(void);

/* B() for tables: a compound literal is no constant. */
#define V(literal) { "" literal, sizeof(literal) - 1 }

static struct bytes
unhex(const char *hex, unsigned char *out)
{
	size_t n = strlen(hex) / 2, i;
	unsigned int byte;

	for (i = 0; i < n; i++) {
		ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &byte), 1);
		out[i] = (unsigned char)byte;
	}
	return (struct bytes){ (const char *)out, n };
}

static void
check_hex(const unsigned char *p, size_t n, const char *hex)
{
	struct buf b = { 0 };

	buf_hex(&b, p, n);
	ck_assert_str_eq(buf_cstr(&b), hex);
	buf_free(&b);
}

#define AA131 \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaaaaaaaaaaaaaaa"

/* RFC 4231, section 4: HMAC-SHA-256 (test case 5 is of a shortened output). */
static const struct {
	const char *key, *data, *mac;
} rfc4231[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	    "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7" },
	{ "4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	    "dddddddddddddddddddddddddddddddddddddddddddddddddddd"
	    "dddddddddddddddddddddddddddddddddddddddddddddddd",
	    "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe" },
	{ "0102030405060708090a0b0c0d0e0f10111213141516171819",
	    "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	    "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
	    "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b" },
	{ AA131,
	    "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d20"
	    "48617368204b6579204669727374",
	    "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54" },
	{ AA131,
	    "5468697320697320612074657374207573696e672061206c6172676572207468616e20626c6f636b"
	    "2d73697a65206b657920616e642061206c6172676572207468616e20626c6f636b2d73697a652064"
	    "6174612e20546865206b6579206e6565647320746f20626520686173686564206265666f72652062"
	    "65696e6720757365642062792074686520484d414320616c676f726974686d2e",
	    "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2" },
};

START_TEST(hmac_is_that_of_rfc_4231)
{
	unsigned char key[200], data[200], mac[32];

	ck_assert_int_eq(hmac_sha256(unhex(rfc4231[_i].key, key), unhex(rfc4231[_i].data, data),
	    mac), 0);
	check_hex(mac, sizeof(mac), rfc4231[_i].mac);
}
END_TEST

START_TEST(hmac_takes_an_empty_key_and_no_data)
{
	unsigned char mac[32];
	struct bytes none = { NULL, 0 };

	ck_assert_int_eq(hmac_sha256(none, none, mac), 0);
	check_hex(mac, sizeof(mac),
	    "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}
END_TEST

/* RFC 5869, appendix A, test cases 1 to 3. */
static const struct {
	const char *ikm, *salt, *info, *okm;
} rfc5869[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
	    "f0f1f2f3f4f5f6f7f8f9",
	    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b88718"
	    "5865" },
	{ "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
	  "28292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
	    "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f8081828384858687"
	    "88898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
	    "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7"
	    "d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	    "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac78272"
	    "71cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f"
	    "1d87" },
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
	    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a"
	    "96c8" },
};

START_TEST(hkdf_is_that_of_rfc_5869)
{
	unsigned char ikm[100], salt[100], info[100], okm[100];
	size_t n = strlen(rfc5869[_i].okm) / 2;

	ck_assert_int_eq(hkdf_sha256(unhex(rfc5869[_i].ikm, ikm), unhex(rfc5869[_i].salt, salt),
	    unhex(rfc5869[_i].info, info), okm, n), 0);
	check_hex(okm, n, rfc5869[_i].okm);
}
END_TEST

START_TEST(hkdf_of_nothing_is_refused)
{
	unsigned char okm[32];
	char fp[17];

	ck_assert_int_eq(hkdf_sha256(B(""), B("salt"), B("info"), okm, sizeof(okm)), -1);
	ck_assert_int_eq(secret_fingerprint(B(""), fp), -1);
}
END_TEST

/* What the openssl program prints on its last word of its first line. */
static void
openssl_says(const char *command, char *out, size_t size)
{
	FILE *p = popen(command, "r");

	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(fgets(out, (int)size, p));
	ck_assert_int_eq(pclose(p), 0);
	out[strcspn(out, "\n")] = '\0';
}

/* As the guide has it: openssl dgst -sha256 -hmac SECRET -hex | awk '{print $2}'. */
START_TEST(hmac_is_that_of_the_openssl_program)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEF0123456789:-_.";
	unsigned int seed = (unsigned int)time(NULL);
	char secret[70], payload[200], command[512], expected[200];
	unsigned char mac[32];
	size_t round, i, ns, np;

	printf("hmac_is_that_of_the_openssl_program: seed %u\n", seed);
	srandom(seed);
	for (round = 0; round < 20; round++) {
		ns = 1 + (size_t)random() % (sizeof(secret) - 1);
		np = (size_t)random() % sizeof(payload);
		for (i = 0; i + 1 < ns; i++)
			secret[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		secret[i] = '\0';
		for (i = 0; i + 1 < np; i++)
			payload[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		payload[i] = '\0';
		snprintf(command, sizeof(command), "printf %%s '%s' | "
		    "openssl dgst -sha256 -mac HMAC -macopt 'key:%s' -hex | awk '{print $NF}'",
		    payload, secret);
		if (secret[0] == '\0')
			continue;
		openssl_says(command, expected, sizeof(expected));
		ck_assert_int_eq(hmac_sha256(bytes_str(secret), bytes_str(payload), mac), 0);
		check_hex(mac, sizeof(mac), expected);
	}
}
END_TEST

START_TEST(fingerprint_is_that_of_the_openssl_program)
{
	char key[200], command[512], mac[200], fp[17];

	openssl_says("openssl kdf -keylen 32 -kdfopt digest:SHA256 -kdfopt 'key:correct horse' "
	    "-kdfopt info:coordkeep-fp HKDF | tr -d ': '", key, sizeof(key));
	snprintf(command, sizeof(command), "openssl dgst -sha256 -mac HMAC -macopt hexkey:%s -hex "
	    "/dev/null | awk '{print $NF}'", key);
	openssl_says(command, mac, sizeof(mac));
	ck_assert_int_eq(secret_fingerprint(B("correct horse"), fp), 0);
	ck_assert_uint_eq(strlen(fp), 16);
	ck_assert_int_eq(strncmp(fp, mac, 16), 0);
	ck_assert_int_eq(secret_fingerprint(B("correct horse "), fp), 0);
	ck_assert_int_ne(strncmp(fp, mac, 16), 0);
}
END_TEST

/* What was signed: computed here by hmac over the payload that is written out. */
static const struct {
	struct bytes value;
	const char *payload; /* NULL: cannot be signed */
} signals[] = {
	{ V("{\"senderId\":\"a\",\"receiverId\":\"b\",\"type\":\"wake\",\"timestamp\":17}"),
	    "a:b:wake:17" },
	{ V("{\"s\":\"a\",\"r\":\"b\",\"t\":\"wake\",\"ts\":1700000000000}"),
	    "a:b:wake:1700000000000" },
	{ V("{\"senderId\":\"x:y\",\"receiverId\":\"\\u0062\",\"type\":\"w\",\"timestamp\":1.7e12}"),
	    "x:y:b:w:1.7e12" },
	{ V("{\"senderId\":\"a\",\"receiverId\":\"b\",\"type\":\"w\",\"timestamp\":\"17\"}"),
	    "a:b:w:17" },
	{ V("{\"senderId\":\"a\",\"receiverId\":\"b\",\"type\":\"w\",\"timestamp\":"
	    "123456789012345678901234567890}"), "a:b:w:123456789012345678901234567890" },
	{ V("{\"senderId\":\"a\",\"receiverId\":\"b\",\"timestamp\":17}"), NULL },
	{ V("{\"senderId\":\"a\",\"receiverId\":\"b\",\"type\":null,\"timestamp\":17}"), NULL },
	{ V("{\"senderId\":\"a\",\"receiverId\":\"b\",\"type\":\"w\",\"timestamp\":[17]}"), NULL },
	{ V("{\"m\":{\"senderId\":\"a\",\"receiverId\":\"b\",\"type\":\"w\",\"timestamp\":17}}"),
	    NULL },
	{ V("[]"), NULL },
};

START_TEST(a_signal_is_signed_over_its_payload)
{
	unsigned char mac[32];
	char out[65];
	int r = signal_sign(signals[_i].value, B("secret"), out);

	if (signals[_i].payload == NULL) {
		ck_assert_int_eq(r, -1);
		return;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(hmac_sha256(B("secret"), bytes_str(signals[_i].payload), mac), 0);
	check_hex(mac, sizeof(mac), out);
}
END_TEST

START_TEST(an_ack_is_signed_over_its_payload)
{
	unsigned char mac[32];
	char out[65];

	ck_assert_int_eq(ack_sign(B("{\"coordinatorId\":\"a\",\"signalId\":\"s:1\","
	    "\"timestamp\":17,\"iteration\":3,\"status\":\"ok\"}"), B("secret"), out), 0);
	ck_assert_int_eq(hmac_sha256(B("secret"), B("a:s:1:17:3"), mac), 0);
	check_hex(mac, sizeof(mac), out);
	ck_assert_int_eq(ack_sign(B("{\"coordinatorId\":\"a\",\"signalId\":\"s:1\","
	    "\"timestamp\":17}"), B("secret"), out), -1);
}
END_TEST

/* %s: the right signature of the value. */
static const struct {
	bool ack;
	const char *key, *value;
	enum signature_state state;
} verifications[] = {
#define SIGNAL "{\"senderId\":\"a\",\"receiverId\":\"b\",\"type\":\"w\",\"timestamp\":17"
#define ACK "{\"coordinatorId\":\"a\",\"signalId\":\"s:1\",\"timestamp\":17,\"iteration\":3"
	{ false, "blocking:signal:b", SIGNAL ",\"signature\":\"%s\"}", SIGNATURE_VALID },
	{ false, "blocking:signal:b", SIGNAL ",\"x\":1e999,\"signature\":\"%s\"}",
	    SIGNATURE_VALID },
	{ false, "blocking:signal:b", SIGNAL "}", SIGNATURE_UNSIGNED },
	{ false, "blocking:signal:b", SIGNAL ",\"m\":{\"signature\":\"%s\"}}",
	    SIGNATURE_UNSIGNED },
	{ false, "blocking:signal:b", SIGNAL ",\"signature\":null}", SIGNATURE_MALFORMED },
	{ false, "blocking:signal:b", SIGNAL ",\"signature\":\"\"}", SIGNATURE_MALFORMED },
	{ false, "blocking:signal:b", SIGNAL ",\"signature\":\"%s0\"}", SIGNATURE_MALFORMED },
	{ false, "blocking:signal:b", SIGNAL ",\"signature\":\" %.63s\"}", SIGNATURE_MALFORMED },
	{ false, "blocking:signal:b", SIGNAL ",\"signature\":\"%.63s\"}", SIGNATURE_MALFORMED },
	{ false, "blocking:signal:b", SIGNAL ",\"signature\":\"%.63sg\"}", SIGNATURE_MALFORMED },
	{ false, "blocking:signal:bb", SIGNAL ",\"signature\":\"%s\"}", SIGNATURE_MALFORMED },
	{ false, "blocking:signal:", SIGNAL ",\"signature\":\"%s\"}", SIGNATURE_MALFORMED },
	{ false, "blocking:ack:b", SIGNAL ",\"signature\":\"%s\"}", SIGNATURE_MALFORMED },
	{ false, "blocking:signal:b", "no record %s", SIGNATURE_MALFORMED },
	{ false, "blocking:signal:b", SIGNAL ",\"signature\":"
	    "\"0000000000000000000000000000000000000000000000000000000000000000\"}",
	    SIGNATURE_INVALID },
	{ true, "blocking:ack:a:s:1", ACK ",\"signature\":\"%s\"}", SIGNATURE_VALID },
	{ true, "blocking:ack:a", ACK ",\"signature\":\"%s\"}", SIGNATURE_VALID },
	{ true, "blocking:ack:a:s:1", ACK "}", SIGNATURE_UNSIGNED },
	{ true, "blocking:ack:a:s:2", ACK ",\"signature\":\"%s\"}", SIGNATURE_MALFORMED },
	{ true, "blocking:ack:a:s", ACK ",\"signature\":\"%s\"}", SIGNATURE_MALFORMED },
	{ true, "blocking:ack:aa:s:1", ACK ",\"signature\":\"%s\"}", SIGNATURE_MALFORMED },
	{ true, "blocking:ack:b", ACK ",\"signature\":\"%s\"}", SIGNATURE_MALFORMED },
	{ true, "blocking:signal:a", ACK ",\"signature\":\"%s\"}", SIGNATURE_MALFORMED },
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
START_TEST(a_signature_is_verified_or_told_what_is_wrong)
{
	char value[600], signature[65] = "", bare[600];
	bool ack = verifications[_i].ack;
	struct bytes key = bytes_str(verifications[_i].key), secret = B("secret");
	enum signature_state state;

	snprintf(bare, sizeof(bare), "%s}", ack ? ACK : SIGNAL);
	ck_assert_int_eq(ack ? ack_sign(bytes_str(bare), secret, signature) :
	    signal_sign(bytes_str(bare), secret, signature), 0);
	snprintf(value, sizeof(value), verifications[_i].value, signature);
	state = ack ? ack_verify(key, bytes_str(value), secret) :
	    signal_verify(key, bytes_str(value), secret);
	ck_assert_msg(state == verifications[_i].state, "%s = %s: %d", key.p, value, (int)state);
	/* And whatever was valid is not under another secret. */
	state = ack ? ack_verify(key, bytes_str(value), B("secreT")) :
	    signal_verify(key, bytes_str(value), B("secreT"));
	ck_assert(state != SIGNATURE_VALID);
	if (verifications[_i].state == SIGNATURE_VALID)
		ck_assert(state == SIGNATURE_INVALID);
}
END_TEST
#pragma GCC diagnostic pop

START_TEST(every_digit_of_a_signature_counts)
{
	char signature[65], value[300];
	size_t i;

	ck_assert_int_eq(signal_sign(B(SIGNAL "}"), B("secret"), signature), 0);
	for (i = 0; i < SIGNATURE_HEX; i++) {
		char was = signature[i];

		signature[i] = was == '0' ? '1' : '0';
		snprintf(value, sizeof(value), SIGNAL ",\"signature\":\"%s\"}", signature);
		ck_assert(signal_verify(B("blocking:signal:b"), bytes_str(value), B("secret")) ==
		    SIGNATURE_INVALID);
		signature[i] = was;
	}
}
END_TEST

#define COUNT(a) (int)(sizeof(a) / sizeof((a)[0]))

Suite *
suite_signature(void)
{
	Suite *s = suite_create("signature");
	TCase *t = tcase_create("signature");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, hmac_is_that_of_rfc_4231, 0, COUNT(rfc4231));
	tcase_add_test(t, hmac_takes_an_empty_key_and_no_data);
	tcase_add_loop_test(t, hkdf_is_that_of_rfc_5869, 0, COUNT(rfc5869));
	tcase_add_test(t, hkdf_of_nothing_is_refused);
	tcase_add_test(t, hmac_is_that_of_the_openssl_program);
	tcase_add_test(t, fingerprint_is_that_of_the_openssl_program);
	tcase_add_loop_test(t, a_signal_is_signed_over_its_payload, 0, COUNT(signals));
	tcase_add_test(t, an_ack_is_signed_over_its_payload);
	tcase_add_loop_test(t, a_signature_is_verified_or_told_what_is_wrong, 0,
	    COUNT(verifications));
	tcase_add_test(t, every_digit_of_a_signature_counts);
	suite_add_tcase(s, t);
	return s;
}
