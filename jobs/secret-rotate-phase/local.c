#include "local.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

#include "envfile.h"

#define LOCK_NAME "lock"
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define POLL_MS 100

static int
path_of(const struct effects *fx, const char *name, char out[PATH_MAX], struct error *e)
{
	int n = snprintf(out, PATH_MAX, "%s/%s", fx->settings->rotate.state_dir, name);

	if (n < 0 || n >= PATH_MAX)
		return error_set(e, EX_CANTCREAT, "[secret-rotate-phase] state_dir is too long");
	return 0;
}

/* Whoever can write to it can make this host follow another record. */
static int
check_directory(const char *dir, struct error *e)
{
	struct stat st;

	if (stat(dir, &st) == -1)
		return error_set(e, EX_CANTCREAT, "%s: %s", dir, strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return error_set(e, EX_CANTCREAT, "%s: is not a directory", dir);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return error_set(e, EX_CONFIG,
		    "%s: others can write to it (mode %04o), and so to this host's copy of the record: "
		    "chmod go-w %s", dir, (unsigned)(st.st_mode & 07777), dir);
	return 0;
}

/* 0: locked, *fd. 1: somebody else holds it. */
static int
try_lock(const char *path, int *fd, struct error *e)
{
	struct stat ours, there;

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	if (*fd == -1)
		return error_set(e, EX_CANTCREAT, "%s: cannot be created: %s", path,
		    strerror(errno));
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0) {
		/* A lock on a file that was removed meanwhile keeps nobody out. */
		if (fstat(*fd, &ours) == 0 && lstat(path, &there) == 0 &&
		    ours.st_dev == there.st_dev && ours.st_ino == there.st_ino)
			return 0;
		(void)close(*fd);
		*fd = -1;
		return 1;
	}
	if (errno != EWOULDBLOCK && errno != EINTR) {
		(void)error_set(e, EX_IOERR, "%s: cannot be locked: %s", path, strerror(errno));
		(void)close(*fd);
		*fd = -1;
		return -1;
	}
	(void)close(*fd);
	*fd = -1;
	return 1;
}

/* Copies that were not finished: they hold no secret, but would heap up. */
static void
remove_temporary(const char *dir)
{
	DIR *d = opendir(dir);
	struct dirent *entry;

	if (d == NULL)
		return;
	while ((entry = readdir(d)) != NULL) {
		if (strncmp(entry->d_name, ".record.", 8) == 0)
			(void)unlinkat(dirfd(d), entry->d_name, 0);
	}
	(void)closedir(d);
}

int
local_lock(struct effects *fx, struct error *e)
{
	const char *dir = fx->settings->rotate.state_dir;
	int64_t left = fx->settings->job.wait;
	char path[PATH_MAX];
	int r;

	fx->lock = -1;
	if (fx->dry)
		return 0;
	if (path_of(fx, LOCK_NAME, path, e) == -1 ||
	    file_make_directory(dir, 0700, e) == -1 || check_directory(dir, e) == -1)
		return -1;
	while ((r = try_lock(path, &fx->lock, e)) == 1) {
		if (left <= 0)
			return error_set(e, EX_TEMPFAIL, "another run on this host holds %s", path);
		if (left == fx->settings->job.wait)
			log_info("lock-busy", "another run on this host holds %s: waiting", path);
		if (!run_sleep(fx->run, POLL_MS))
			return error_set(e, EX_TEMPFAIL,
			    "another run on this host still holds %s", path);
		left -= POLL_MS;
	}
	if (r == -1)
		return -1;
	remove_temporary(dir);
	envfile_tidy(fx->settings->secrets.env_file);
	return 0;
}

void
local_unlock(struct effects *fx)
{
	if (fx->lock != -1)
		(void)close(fx->lock);
	fx->lock = -1;
}

void
local_boot(char boot[33])
{
	struct buf text = { 0 };
	struct error ignored = { 0 };
	size_t i, n = 0;

	memset(boot, 0, 33);
	if (file_read(BOOT_ID, 64, &text, &ignored) == 0) {
		for (i = 0; i < text.n && n < 32; i++) {
			if (memchr("0123456789abcdef", text.p[i], 16) != NULL)
				boot[n++] = text.p[i];
		}
	}
	if (n != 32)
		memset(boot, 0, 33);
	buf_free(&text);
}
