#include "envfile.h"

#include <sys/xattr.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"

static int
refuse(const char *path, const struct stat *st, struct error *e)
{
	if (!S_ISREG(st->st_mode))
		return error_set(e, EX_CONFIG, "%s: is not a regular file", path);
	if ((st->st_mode & S_IRWXO) != 0)
		return error_set(e, EX_CONFIG,
		    "%s: holds a secret and is open to others (mode %04o): chmod o-rwx %s", path,
		    (unsigned)(st->st_mode & 07777), path);
	if (st->st_nlink > 1)
		return error_set(e, EX_CONFIG,
		    "%s: has %lu names (hard links); the others would keep the old secret: "
		    "remove them", path, (unsigned long)st->st_nlink);
	if (st->st_size > ENVFILE_MAX)
		return error_set(e, EX_CONFIG, "%s: is larger than %d bytes", path, ENVFILE_MAX);
	return 0;
}

static int
open_file(const char *path, struct stat *st, struct error *e)
{
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

	if (fd == -1 && errno == ELOOP)
		return error_set(e, EX_CONFIG,
		    "%s: is a symbolic link: name the file that it points to in [secrets] "
		    "env_file", path);
	if (fd == -1)
		return error_set(e, errno == ENOENT ? EX_NOINPUT : EX_IOERR,
		    "%s: cannot be opened: %s", path, strerror(errno));
	if (fstat(fd, st) == -1) {
		(void)error_set(e, EX_IOERR, "%s: fstat: %s", path, strerror(errno));
		(void)close(fd);
		return -1;
	}
	return fd;
}

int
envfile_read(const char *path, struct envfile *f, struct error *e)
{
	char chunk[4096];
	ssize_t n = 0;
	int fd, r;

	memset(f, 0, sizeof(*f));
	fd = open_file(path, &f->st, e);
	if (fd == -1)
		return -1;
	r = refuse(path, &f->st, e);
	while (r == 0 && (n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			r = error_set(e, EX_IOERR, "%s: cannot be read: %s", path,
			    strerror(errno));
		else
			buf_add(&f->text, chunk, (size_t)n);
		if (f->text.failed || f->text.n > ENVFILE_MAX)
			r = error_set(e, EX_CONFIG, "%s: is larger than %d bytes", path,
			    ENVFILE_MAX);
	}
	explicit_bzero(chunk, sizeof(chunk));
	(void)close(fd);
	if (r == -1)
		envfile_free(f);
	return r;
}

void
envfile_free(struct envfile *f)
{
	buf_wipe(&f->text);
}

/* ---- replacing ---- */

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	    a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	    a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	    a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Does the new file have it already? A security label often comes with the
 * directory, and to set it can need more rights than the run has. */
static bool
has_attribute(int fd, const char *name, const char *value, size_t n)
{
	char *there = malloc(n + 1);
	bool same;

	if (there == NULL)
		return false;
	same = fgetxattr(fd, name, there, n + 1) == (ssize_t)n && memcmp(there, value, n) == 0;
	free(there);
	return same;
}

static int
copy_attribute(int from, int to, const char *name)
{
	ssize_t n = fgetxattr(from, name, NULL, 0);
	char *value;
	int r = 0;

	if (n < 0)
		return errno == ENODATA ? 0 : -1;
	value = malloc((size_t)n + 1);
	if (value == NULL)
		return -1;
	n = fgetxattr(from, name, value, (size_t)n);
	if (n < 0 || (!has_attribute(to, name, value, (size_t)n) &&
	    fsetxattr(to, name, value, (size_t)n, 0) == -1))
		r = -1;
	free(value);
	return r;
}

static int
copy_attributes(int from, int to)
{
	ssize_t n = flistxattr(from, NULL, 0);
	char *names, *p;
	int r = 0;

	if (n == 0 || (n < 0 && (errno == ENOTSUP || errno == ENOSYS)))
		return 0;
	if (n < 0 || (names = malloc((size_t)n + 1)) == NULL)
		return -1;
	n = flistxattr(from, names, (size_t)n);
	if (n < 0)
		r = -1;
	for (p = names; r == 0 && p < names + n; p += strlen(p) + 1) {
		/* These are digests of the contents; the kernel makes them anew. */
		if (strcmp(p, "security.ima") == 0 || strcmp(p, "security.evm") == 0)
			continue;
		r = copy_attribute(from, to, p);
	}
	free(names);
	return r;
}

/* Make ${fd} what ${old} is, but with ${text}. The owner before the mode, which
 * a change of owner can cut down; the attributes after it, because an ACL is one. */
static int
fill(int fd, int old, const struct stat *st, struct bytes text)
{
	struct stat made;

	if (fstat(fd, &made) == -1)
		return -1;
	if ((made.st_uid != st->st_uid || made.st_gid != st->st_gid) &&
	    fchown(fd, st->st_uid, st->st_gid) == -1)
		return -1;
	if (fchmod(fd, st->st_mode & 07777) == -1 || copy_attributes(old, fd) == -1)
		return -1;
	return file_write(fd, text) == -1 || fsync(fd) == -1 ? -1 : 0;
}

static int
temporary_name(const char *path, char out[PATH_MAX], struct error *e)
{
	const char *slash = strrchr(path, '/');
	size_t dir = slash == NULL ? 0 : (size_t)(slash - path) + 1;
	int n;

	n = dir >= PATH_MAX ? -1 :
	    snprintf(out, PATH_MAX, "%.*s.%s.coordkeep", (int)dir, path, path + dir);
	if (n < 0 || n >= PATH_MAX)
		return error_set(e, EX_CANTCREAT, "%.100s...: the path is too long", path);
	return 0;
}

static int
changed_meanwhile(const char *path, struct error *e)
{
	return error_set(e, EX_TEMPFAIL,
	    "%s: was changed by somebody else while it was being edited; the next run looks again",
	    path);
}

/* Put the finished temporary file in the place of ${path}. */
static int
exchange(const char *path, const char *temporary, const struct stat *was, struct error *e)
{
	struct stat st;

	if (lstat(path, &st) == -1 || !same_file(&st, was))
		return changed_meanwhile(path, e);
	if (rename(temporary, path) == -1)
		return error_set(e, EX_IOERR, "%s: cannot be replaced: %s", path,
		    strerror(errno));
	return 0;
}

int
envfile_write(const char *path, const struct envfile *was, struct bytes text, struct error *e)
{
	char temporary[PATH_MAX];
	struct stat st;
	int old, fd, r;

	if (temporary_name(path, temporary, e) == -1)
		return -1;
	old = open_file(path, &st, e);
	if (old == -1)
		return -1;
	if (!same_file(&st, &was->st)) {
		(void)close(old);
		return changed_meanwhile(path, e);
	}
	(void)unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd == -1) {
		r = error_set(e, EX_CANTCREAT, "%s: cannot be created: %s", temporary,
		    strerror(errno));
		(void)close(old);
		return r;
	}
	r = fill(fd, old, &st, text);
	if (r == -1)
		(void)error_set(e, EX_IOERR, "%s: cannot be written: %s", temporary,
		    strerror(errno));
	(void)close(old);
	if (close(fd) == -1 && r == 0)
		r = error_set(e, EX_IOERR, "%s: cannot be written: %s", temporary,
		    strerror(errno));
	if (r == 0)
		r = exchange(path, temporary, &was->st, e);
	if (r == -1) {
		(void)unlink(temporary);
		return -1;
	}
	if (file_sync_directory(path) == -1)
		return error_set(e, EX_IOERR,
		    "%s: is replaced, but its directory could not be synced: %s", path,
		    strerror(errno));
	return 0;
}

void
envfile_tidy(const char *path)
{
	char temporary[PATH_MAX];

	if (temporary_name(path, temporary, NULL) == 0)
		(void)unlink(temporary);
}
