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
/**
 * file_give(fd, path):
 * The new file ${fd}, which is ${path}, goes to the owner of its directory if root made it in a
 * directory that is not root's: the runs of that user have to read and write it after this one.
 */
void file_give(int fd, const char *path);
/**
 * file_append(path, mode):
 * A descriptor, not blocking, that appends to ${path}; a new file has ${mode} less the umask and
 * is given as above. Root follows no symlink in a directory of another user, who could lead the
 * lines anywhere. -1 with errno.
 */
int file_append(const char *path, mode_t mode);
/* All of ${data} to ${fd}, however many writes it takes. -1 with errno. */
int file_write(int fd, struct bytes data);
/* fsync the directory that holds ${path}. 0, or -1 with errno. */
int file_sync_directory(const char *path);
/* mkdir -p with ${mode}. 0, or -1 with EX_CANTCREAT. */
int file_make_directory(const char *path, mode_t mode, struct error *e);

#endif
