#ifndef BASE_FILE_H_
#define BASE_FILE_H_

#include <sys/types.h>

#include "base/bytes.h"
#include "base/status.h"

/* Read a whole regular file of at most ${max} bytes into ${out} (appended).
 * -1 with ${e}: EX_IOERR, EX_CONFIG (not a regular file, too big); a missing
 * file is EX_NOINPUT. */
int file_read(const char *path, size_t max, struct buf *out, struct error *e);
/* The same for a file with a secret: not a symlink, and no permission for
 * others (o+rwx) or group write, else EX_CONFIG with the chmod that mends it.
 * One trailing newline is dropped. The caller wipes ${out}. */
int file_read_secret(const char *path, size_t max, struct buf *out, struct error *e);
/**
 * file_replace(path, mode, data, e):
 * Write ${data} to a temporary file beside ${path}, fsync, rename, fsync the
 * directory: at any instant ${path} is the old file or the new one. -1 with
 * ${e}: EX_CANTCREAT if nothing could be created, EX_IOERR after that (the
 * temporary file is removed and ${path} is as it was).
 */
int file_replace(const char *path, mode_t mode, struct bytes data, struct error *e);
/* fsync the directory that holds ${path}. 0, or -1 with errno. */
int file_sync_directory(const char *path);
/* mkdir -p with ${mode}. 0, or -1 with EX_CANTCREAT. */
int file_make_directory(const char *path, mode_t mode, struct error *e);

#endif
