#include "base/file.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Open ${path} if it is a regular file; O_NONBLOCK so that a FIFO without a
 * writer is refused instead of waited for. */
static int
open_regular(const char *path, int flags, struct stat *st, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags);

	if (fd == -1 && errno == ENOENT)
		return error_set(e, EX_NOINPUT, "%s: there is no such file", path);
	if (fd == -1 && errno == ELOOP && (flags & O_NOFOLLOW) != 0)
		return error_set(e, EX_CONFIG,
		    "%s: is a symbolic link, expected the file itself", path);
	if (fd == -1)
		return error_set(e, EX_IOERR, "%s: cannot be opened: %s", path, strerror(errno));
	if (fstat(fd, st) == -1) {
		(void)error_set(e, EX_IOERR, "%s: fstat: %s", path, strerror(errno));
		goto err;
	}
	if (!S_ISREG(st->st_mode)) {
		(void)error_set(e, EX_CONFIG, "%s: found %s, expected a regular file", path,
		    S_ISDIR(st->st_mode) ? "a directory" : "a special file");
		goto err;
	}
	return fd;

err:
	(void)close(fd);
	return -1;
}

/* Append all of ${fd}, which is ${path}, to ${out}. */
static int
read_all(int fd, const char *path, size_t max, struct buf *out, struct error *e)
{
	char chunk[8192];
	size_t start = out->n;
	ssize_t n;
	int r = 0;

	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			r = error_set(e, EX_IOERR, "%s: cannot be read: %s", path, strerror(errno));
			break;
		}
		if ((size_t)n > max - (out->n - start)) {
			r = error_set(e, EX_CONFIG, "%s: is larger than the %zu bytes expected",
			    path, max);
			break;
		}
		buf_add(out, chunk, (size_t)n);
		if (out->failed) {
			r = error_set(e, EX_SOFTWARE, "%s: no memory to read it", path);
			break;
		}
	}
	/* It may have been a secret. */
	explicit_bzero(chunk, sizeof(chunk));
	return r;
}

int
file_read(const char *path, size_t max, struct buf *out, struct error *e)
{
	struct stat st;
	int fd = open_regular(path, 0, &st, e), r;

	if (fd == -1)
		return -1;
	r = read_all(fd, path, max, out, e);
	(void)close(fd);
	return r;
}

int
file_read_secret(const char *path, size_t max, struct buf *out, struct error *e)
{
	struct stat st;
	size_t start = out->n;
	int fd = open_regular(path, O_NOFOLLOW, &st, e), r;

	if (fd == -1)
		return -1;
	if ((st.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
		r = error_set(e, EX_CONFIG,
		    "%s: holds a secret and has mode %04o: chmod g-w,o-rwx %s", path,
		    (unsigned)(st.st_mode & 07777), path);
	} else {
		r = read_all(fd, path, max, out, e);
	}
	(void)close(fd);
	if (r == 0 && out->n > start && out->p[out->n - 1] == '\n')
		out->p[--out->n] = '\0';
	return r;
}

/* The directory part of ${path}; to be freed. */
static char *
directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (slash == NULL)
		return strdup(".");
	while (slash > path && slash[-1] == '/')
		slash--;
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Is this root, and the directory of ${path}, which goes to ${st}, another user's? */
static bool
is_guest(const char *path, struct stat *st)
{
	char *dir = directory_of(path);
	bool guest = geteuid() == 0 && dir != NULL && stat(dir, st) == 0 && st->st_uid != 0;

	free(dir);
	return guest;
}

void
file_give(int fd, const char *path)
{
	struct stat st;

	if (is_guest(path, &st) && fchown(fd, st.st_uid, st.st_gid) == -1)
		return; /* this run's own work goes on */
}

int
file_append(const char *path, mode_t mode)
{
	/* O_NONBLOCK: a FIFO that nobody reads must not hold the run. */
	int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, fd;
	struct stat st;

	if (is_guest(path, &st))
		flags |= O_NOFOLLOW;
	if ((fd = open(path, flags | O_CREAT | O_EXCL, mode)) != -1)
		file_give(fd, path);
	else if (errno == EEXIST)
		fd = open(path, flags | O_CREAT, mode);
	return fd;
}

int
file_sync_directory(const char *path)
{
	char *dir = directory_of(path);
	int fd, r, saved;

	if (dir == NULL)
		return -1;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd == -1)
		return -1;
	r = fsync(fd);
	/* Some file systems have no fsync for directories and need none. */
	if (r == -1 && (errno == EINVAL || errno == ENOTSUP))
		r = 0;
	saved = errno;
	(void)close(fd);
	errno = saved;
	return r;
}

int
file_write(int fd, struct bytes data)
{
	ssize_t n;

	while (data.n > 0) {
		n = write(fd, data.p, data.n);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		data = bytes_from(data, (size_t)n);
	}
	return 0;
}

/* Fill and sync the new file ${fd} and close it. */
static int
finish(int fd, mode_t mode, struct bytes data)
{
	int saved;

	if (fchmod(fd, mode) == -1 || file_write(fd, data) == -1 || fsync(fd) == -1) {
		saved = errno;
		(void)close(fd);
		errno = saved;
		return -1;
	}
	return close(fd);
}

int
file_replace(const char *path, mode_t mode, struct bytes data, struct error *e)
{
	const char *slash = strrchr(path, '/');
	size_t dir = slash == NULL ? 0 : (size_t)(slash - path) + 1;
	char temporary[PATH_MAX];
	int fd, n;

	/* Hidden, so that what collects *.prom or *.conf does not see it. */
	n = snprintf(temporary, sizeof(temporary), "%.*s.%s.XXXXXX", (int)dir, path, path + dir);
	if (dir >= INT_MAX || n < 0 || (size_t)n >= sizeof(temporary))
		return error_set(e, EX_CANTCREAT, "%.100s...: the path is too long", path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd == -1)
		return error_set(e, EX_CANTCREAT, "%s: cannot create a file beside it: %s", path,
		    strerror(errno));
	file_give(fd, path);
	if (finish(fd, mode, data) == -1) {
		(void)error_set(e, EX_IOERR, "%s: cannot be written: %s", path, strerror(errno));
		goto err;
	}
	if (rename(temporary, path) == -1) {
		(void)error_set(e, EX_IOERR, "%s: cannot be replaced: %s", path, strerror(errno));
		goto err;
	}
	if (file_sync_directory(path) == -1)
		return error_set(e, EX_IOERR,
		    "%s: is replaced, but its directory could not be synced: %s", path,
		    strerror(errno));
	return 0;

err:
	(void)unlink(temporary);
	return -1;
}

/* mkdir one directory; fine if it is there. */
static int
make_one(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	/* EROFS and EACCES can come for what exists, too. */
	if (stat(path, &st) == 0) {
		if (S_ISDIR(st.st_mode))
			return 0;
		errno = ENOTDIR;
	}
	return -1;
}

int
file_make_directory(const char *path, mode_t mode, struct error *e)
{
	char *copy = strdup(path), *p;
	int r = 0;

	if (copy == NULL)
		return error_set(e, EX_CANTCREAT, "%s: no memory", path);
	for (p = copy; r == 0 && *p != '\0';) {
		while (*p == '/')
			p++;
		p += strcspn(p, "/");
		if (*p == '/') {
			*p = '\0';
			r = make_one(copy, mode);
			if (r == 0)
				*p = '/';
		} else {
			r = make_one(copy, mode);
		}
	}
	if (r == -1)
		(void)error_set(e, EX_CANTCREAT, "%s: cannot make directory %s: %s", path, copy,
		    strerror(errno));
	free(copy);
	return r;
}
