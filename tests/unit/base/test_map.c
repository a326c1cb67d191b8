#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "base/siphash.h"
#include "support.h"

Suite *suite_map(void);

START_TEST(put_find_remove)
{
	struct map *m = map_new(sizeof(int));
	bool added;
	int *v;

	ck_assert_ptr_nonnull(m);
	ck_assert_ptr_null(map_find(m, B("a")));
	ck_assert(!map_remove(m, B("a")));
	v = map_put(m, B("a"), &added);
	ck_assert(added);
	ck_assert_int_eq(*v, 0);
	*v = 5;
	ck_assert_ptr_eq(map_put(m, B("a"), &added), v);
	ck_assert(!added);
	ck_assert_ptr_eq(map_put(m, B("a"), NULL), v);
	ck_assert_uint_eq(map_count(m), 1);
	ck_assert_ptr_eq(map_find(m, B("a")), v);
	ck_assert(map_remove(m, B("a")));
	ck_assert_ptr_null(map_find(m, B("a")));
	ck_assert_uint_eq(map_count(m), 0);
	v = map_put(m, B("a"), &added);
	ck_assert(added);
	ck_assert_int_eq(*v, 0);
	map_free(m, NULL);
	map_free(NULL, NULL);
}
END_TEST

/* Keys are bytes: a prefix, a NUL, nothing at all are keys of their own. */
START_TEST(keys_are_bytes)
{
	static const struct bytes keys[] = {
		{ NULL, 0 }, { "a", 1 }, { "a", 2 }, { "a\0b", 3 }, { "coord-1", 7 },
		{ "coord-10", 8 }, { "\xff\xfe", 2 }, { "\n", 1 },
	};
	struct map *m = map_new(sizeof(size_t));
	size_t i, n = sizeof(keys) / sizeof(keys[0]);
	bool added;

	for (i = 0; i < n; i++) {
		*(size_t *)map_put(m, keys[i], &added) = i;
		ck_assert(added);
	}
	for (i = 0; i < n; i++)
		ck_assert_uint_eq(*(size_t *)map_find(m, keys[i]), i);
	map_free(m, NULL);
}
END_TEST

START_TEST(a_set_has_no_values)
{
	struct map *m = map_new(0);
	struct bytes key;
	void *value;
	size_t at = 0;

	ck_assert_ptr_nonnull(map_put(m, B("x"), NULL));
	ck_assert_ptr_nonnull(map_find(m, B("x")));
	ck_assert_ptr_null(map_find(m, B("y")));
	ck_assert(map_next(m, &at, &key, &value));
	ck_assert(bytes_equal(key, B("x")));
	ck_assert(!map_next(m, &at, &key, &value));
	map_free(m, NULL);
}
END_TEST

/* The key is copied, and a value is as aligned as malloc's. */
START_TEST(owns_its_keys)
{
	struct map *m = map_new(sizeof(long double));
	char key[2] = "k";
	long double *v = map_put(m, bytes_str(key), NULL);

	*v = 1.5L;
	ck_assert_uint_eq((uintptr_t)v % _Alignof(max_align_t), 0);
	key[0] = 'x';
	ck_assert_ptr_eq(map_find(m, B("k")), v);
	ck_assert_ptr_null(map_find(m, B("x")));
	map_free(m, NULL);
}
END_TEST

static size_t freed;

static void
free_one(void *value)
{
	free(*(char **)value);
	freed++;
}

START_TEST(frees_values)
{
	struct map *m = map_new(sizeof(char *));
	char key[16];
	int i;

	for (i = 0; i < 100; i++) {
		(void)snprintf(key, sizeof(key), "%d", i);
		*(char **)map_put(m, bytes_str(key), NULL) = strdup(key);
	}
	freed = 0;
	map_free(m, free_one);
	ck_assert_uint_eq(freed, 100);
}
END_TEST

/* Pointers to keys and values hold while others come and go. */
START_TEST(entries_never_move)
{
	enum { N = 20000 };
	struct map *m = map_new(sizeof(int));
	int **v = calloc(N, sizeof(*v)), i;
	char key[16];

	for (i = 0; i < N; i++) {
		(void)snprintf(key, sizeof(key), "id-%d", i);
		v[i] = map_put(m, bytes_str(key), NULL);
		*v[i] = i;
	}
	for (i = 0; i < N; i += 2) {
		(void)snprintf(key, sizeof(key), "id-%d", i);
		ck_assert(map_remove(m, bytes_str(key)));
	}
	for (i = 1; i < N; i += 2) {
		(void)snprintf(key, sizeof(key), "id-%d", i);
		ck_assert_ptr_eq(map_find(m, bytes_str(key)), v[i]);
		ck_assert_int_eq(*v[i], i);
	}
	ck_assert_uint_eq(map_count(m), N / 2);
	free(v);
	map_free(m, NULL);
}
END_TEST

/* A walk that removes as it goes sees every entry exactly once. */
START_TEST(walk_and_remove)
{
	enum { N = 3000 };
	struct map *m = map_new(sizeof(int));
	unsigned char seen[N] = { 0 };
	struct bytes k;
	void *value;
	char key[16];
	size_t at = 0;
	int i;

	for (i = 0; i < N; i++) {
		(void)snprintf(key, sizeof(key), "%d", i);
		*(int *)map_put(m, bytes_str(key), NULL) = i;
	}
	while (map_next(m, &at, &k, &value)) {
		i = *(int *)value;
		ck_assert_uint_eq(seen[i]++, 0);
		if (i % 3 == 1)
			ck_assert(map_remove(m, k));
		if (i % 3 == 2)
			map_remove_at(m, at);
	}
	for (i = 0; i < N; i++)
		ck_assert_uint_eq(seen[i], 1);
	ck_assert_uint_eq(map_count(m), N / 3);
	at = 0;
	while (map_next(m, &at, NULL, &value))
		ck_assert_int_eq(*(int *)value % 3, 0);
	map_free(m, NULL);
}
END_TEST

/* Against a plain array, over a small set of keys so that all things happen. */
START_TEST(random_operations)
{
	enum { KEYS = 200, ROUNDS = 100000 };
	struct map *m = map_new(sizeof(uint64_t));
	uint64_t model[KEYS] = { 0 }, *v; /* 0 = not there */
	size_t count = 0, k, n, at;
	struct dice d;
	struct bytes name;
	char key[16];
	bool added;
	int i;

	dice_seed(&d, "map");
	for (i = 0; i < ROUNDS; i++) {
		k = dice_below(&d, KEYS);
		(void)snprintf(key, sizeof(key), "%zu", k);
		name = bytes_str(key);
		switch (dice_below(&d, 3)) {
		case 0:
			v = map_put(m, name, &added);
			ck_assert_int_eq(added, model[k] == 0);
			ck_assert_uint_eq(*v, model[k]);
			count += added;
			*v = model[k] = dice_next(&d) | 1;
			break;
		case 1:
			ck_assert_int_eq(map_remove(m, name), model[k] != 0);
			count -= model[k] != 0;
			model[k] = 0;
			break;
		default:
			v = map_find(m, name);
			ck_assert_uint_eq(v == NULL ? 0 : *v, model[k]);
		}
		ck_assert_uint_eq(map_count(m), count);
	}
	for (n = at = 0; map_next(m, &at, NULL, NULL); n++)
		;
	ck_assert_uint_eq(n, count);
	map_free(m, NULL);
}
END_TEST

/* One that is filled and emptied for ever does not grow for ever or hang. */
START_TEST(churn)
{
	struct map *m = map_new(0);
	char key[24];
	int i;

	for (i = 0; i < 500000; i++) {
		(void)snprintf(key, sizeof(key), "%d", i);
		if (map_put(m, bytes_str(key), NULL) == NULL || !map_remove(m, bytes_str(key)) ||
		    map_find(m, bytes_str(key)) != NULL)
			ck_abort_msg("%s", key);
	}
	ck_assert_uint_eq(map_count(m), 0);
	map_free(m, NULL);
}
END_TEST

static uint64_t
siphash_openssl(EVP_MAC_CTX *ctx, const unsigned char *key, struct bytes s)
{
	unsigned one = 1, three = 3;
	size_t eight = 8, n = 0, i;
	unsigned char out[16];
	uint64_t v = 0;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &eight),
		OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_C_ROUNDS, &one),
		OSSL_PARAM_construct_uint(OSSL_MAC_PARAM_D_ROUNDS, &three),
		OSSL_PARAM_construct_end(),
	};

	ck_assert_int_eq(EVP_MAC_init(ctx, key, 16, params), 1);
	ck_assert_int_eq(EVP_MAC_update(ctx, (const unsigned char *)s.p, s.n), 1);
	ck_assert_int_eq(EVP_MAC_final(ctx, out, &n, sizeof(out)), 1);
	ck_assert_uint_eq(n, 8);
	for (i = 0; i < 8; i++)
		v |= (uint64_t)out[i] << (8 * i);
	return v;
}

/* Our hash is OpenSSL's at every length. */
START_TEST(siphash_as_openssl)
{
	EVP_MAC *mac = EVP_MAC_fetch(NULL, "SIPHASH", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(mac);
	unsigned char key[16];
	char text[80];
	struct bytes s = { text, 0 };
	struct dice d;

	ck_assert_ptr_nonnull(ctx);
	dice_seed(&d, "siphash");
	for (s.n = 0; s.n <= sizeof(text); s.n++) {
		dice_fill(&d, (char *)key, sizeof(key));
		dice_fill(&d, text, sizeof(text));
		ck_assert_uint_eq(siphash13(key, s), siphash_openssl(ctx, key, s));
	}
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
}
END_TEST

Suite *
suite_map(void)
{
	Suite *s = suite_create("base/map");
	TCase *t = tcase_create("map");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, put_find_remove);
	tcase_add_test(t, keys_are_bytes);
	tcase_add_test(t, a_set_has_no_values);
	tcase_add_test(t, owns_its_keys);
	tcase_add_test(t, frees_values);
	tcase_add_test(t, entries_never_move);
	tcase_add_test(t, walk_and_remove);
	tcase_add_test(t, random_operations);
	tcase_add_test(t, churn);
	tcase_add_test(t, siphash_as_openssl);
	suite_add_tcase(s, t);
	return s;
}
