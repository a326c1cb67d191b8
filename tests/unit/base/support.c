#include "support.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <check.h>

void
scratch_make(struct scratch *s)
{
	const char *tmp = getenv("TMPDIR");

	(void)snprintf(s->path, sizeof(s->path), "%s/base-XXXXXX", tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(s->path));
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void
scratch_remove(const struct scratch *s)
{
	ck_assert_int_eq(nftw(s->path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

const char *
scratch_file(const struct scratch *s, const char *name)
{
	static char ring[8][512];
	static size_t at;
	char *out = ring[at++ % 8];

	(void)snprintf(out, sizeof(ring[0]), "%s/%s", s->path, name);
	return out;
}

void
put_file(const char *path, struct bytes data, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ne(fd, -1);
	if (data.n > 0)
		ck_assert_int_eq(write(fd, data.p, data.n), (ssize_t)data.n);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	ck_assert_int_eq(close(fd), 0);
}

struct buf
get_file(const char *path)
{
	struct buf b = { 0 };
	char chunk[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_msg(fd != -1, "%s: %s", path, strerror(errno));
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_add(&b, chunk, (size_t)n);
	ck_assert_int_eq(n, 0);
	(void)close(fd);
	return b;
}

size_t
count_entries(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	size_t n = 0;

	ck_assert_ptr_nonnull(d);
	while ((entry = readdir(d)) != NULL) {
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			n++;
	}
	(void)closedir(d);
	return n;
}

size_t
count_open_files(void)
{
	size_t n = 0;
	int fd;

	for (fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) != -1;
	return n;
}

void
dice_seed(struct dice *d, const char *name)
{
	const char *given = getenv("TEST_SEED");
	struct timespec ts;

	(void)clock_gettime(CLOCK_REALTIME, &ts);
	d->state = given != NULL ? strtoull(given, NULL, 10) :
	    (uint64_t)ts.tv_sec * 1000000007u + (uint64_t)ts.tv_nsec;
	printf("%s: TEST_SEED=%" PRIu64 "\n", name, d->state);
	(void)fflush(stdout);
}

/* splitmix64 (S. Vigna, public domain). */
uint64_t
dice_next(struct dice *d)
{
	uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

size_t
dice_below(struct dice *d, size_t n)
{
	return (size_t)(dice_next(d) % n);
}

void
dice_fill(struct dice *d, char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		p[i] = (char)dice_next(d);
}
