#ifndef SECRET_ROTATE_PHASE_ENVFILE_H_
#define SECRET_ROTATE_PHASE_ENVFILE_H_

#include <sys/stat.h>

#include "base/bytes.h"
#include "base/status.h"

/* The environment file on disk: read whole, and replaced whole. */
#define ENVFILE_MAX (1024 * 1024)

struct envfile {
	struct buf text; /* holds secrets */
	struct stat st;  /* as it was when read */
};

/* Read ${path}. EX_CONFIG: a symbolic link, no regular file, one with a second
 * name (a hard link would keep the old contents), one that others can read or
 * write (with the chmod that mends it), too large; EX_NOINPUT: there is none;
 * EX_IOERR. */
int envfile_read(const char *path, struct envfile *f, struct error *e);
/* Wipe and free. Zeroed is harmless. */
void envfile_free(struct envfile *f);
/**
 * envfile_write(path, was, text, e):
 * Replace ${path}, which still has to be the file ${was} that was read, by one
 * with ${text}: a temporary file beside it with the same owner, group, mode and
 * extended attributes, fsync, rename, fsync of the directory. At any instant
 * ${path} is the old file or the new one, whole. What an earlier run that was
 * killed left of its temporary file is removed first: the caller holds a lock.
 * EX_CANTCREAT, EX_IOERR; EX_TEMPFAIL: somebody changed it meanwhile. Then
 * ${path} is as it was.
 */
int envfile_write(const char *path, const struct envfile *was, struct bytes text,
    struct error *e);

/* Remove the temporary file that a run which was killed may have left beside
 * ${path}: it can hold secrets. The caller holds a lock. */
void envfile_tidy(const char *path);

#endif
