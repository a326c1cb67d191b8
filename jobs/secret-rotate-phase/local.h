#ifndef SECRET_ROTATE_PHASE_LOCAL_H_
#define SECRET_ROTATE_PHASE_LOCAL_H_

#include "effects.h"

/* What a run reads and writes on its own host: the lock, the copy of the
 * record, and the environment file. */

/**
 * local_lock(fx, e):
 * Take the lock of this host, state_dir/lock, and keep it in fx->lock; what an
 * earlier run that was killed left of its temporary files is removed. A dry
 * run takes none (fx->lock = -1) and makes no directory. -1: EX_TEMPFAIL,
 * another run holds it, also after [job] wait; EX_CANTCREAT; EX_CONFIG, others
 * can write to the directory.
 */
int local_lock(struct effects *fx, struct error *e);
/* Give it back. Harmless without one. */
void local_unlock(struct effects *fx);

/*
 * flow_ops. The copy is a text in state_dir/record: the fields of the record
 * and of struct copy, "NAME VALUE" a line, the last one a check sum of those
 * before it. It holds no secret. What is damaged is an error that names the
 * file, EX_IOERR: nothing is guessed.
 */
int local_copy_read(void *ctx, struct copy *copy, struct error *e);
int local_copy_write(void *ctx, const struct copy *copy, struct error *e);

/* The id of this boot of the kernel (random(4)), without its dashes: 32 hex digits, or "" where
 * there is none. No two machines have the same, unless containers share the kernel. */
void local_boot(char boot[33]);

/* flow_ops. The fingerprints of the two variables in the environment file. */
int local_look_file(void *ctx, struct pair *file, struct error *e);
/**
 * local_move_file(ctx, r, target, moved, e):
 * flow_ops. Write ${target}'s secrets into the environment file: those that it
 * holds already from there, else from the source. *moved = false: the source
 * gives another one. EX_TEMPFAIL: the file has come to hold a secret that the
 * rotation does not know since it was looked at.
 */
int local_move_file(void *ctx, const struct rotation *r, const struct pair *target, bool *moved,
    struct error *e);

#endif
