/*
 * What is going on with each file descriptor of the process.
 *
 * A word each: how many operations are in flight on it, or records kept for
 * some (Note [kept] in await.h), and whether somebody is closing it. It lets a
 * close end exactly those that there are, makes new ones on a descriptor that
 * is being closed fail, and costs nothing when, as nearly always, there are
 * none. A second word links descriptors into lists that need no memory of their
 * own: accepted connections nobody took yet.
 */
#ifndef LEND_IO_DESCRIPTORS_H
#define LEND_IO_DESCRIPTORS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "io/cancel.h"

struct lend_actor;

/* Descriptors from here on are not counted; fs.nr_open is 2^20 by default. */
#define LEND_DESCRIPTORS_MAX (1 << 21)

/* Count an operation on @fd, or refuse it: -EBADF if @fd is below 0 or being
 * closed. Any thread. */
int lend__descriptor_enter(int fd);
void lend__descriptor_leave(int fd);

/* How often the number was closed, modulo 256, until the file was opened that
 * it stands for now. lend__descriptor_enter_again() is for an operation that
 * was not counted for a while: -EBADF also if the number was closed since, as
 * it may be another file's now. Any thread. */
uint8_t lend__descriptor_epoch(int fd);
int lend__descriptor_enter_again(int fd, uint8_t epoch);

/* Have what the others look at fetched. @fd may be -1. Any thread. */
void lend__descriptor_fetch(int fd);

/* Is somebody closing @fd? Thread: one that has an operation counted on it. */
bool lend__descriptor_is_closing(int fd);

/* Somebody who closes @fd and waits for operations to end. */
struct lend_closer {
	struct lend_list link; /* [lock of the table] */
	struct lend_actor *actor;
	int fd;
	bool listed;   /* [owner] */
	bool has_told; /* [lock of the table] */
	/* [lock of the table] One that somebody could not end himself. */
	struct lend_orphan told;
};

/* Of any file. */
#define LEND_EPOCH_ANY (-1)

/**
 * Refuse new operations on @fd.
 *
 * @epoch  the file that it is to stand for, or LEND_EPOCH_ANY
 *
 * Return: how many are in flight; @closer's actor is signalled when there are
 *         none, if it is not 0
 *         -EBADF  @fd is below 0, or somebody is closing it, or has closed it
 *                 since
 */
int lend__descriptor_begin_close(struct lend_closer *closer, int fd, int epoch,
				 struct lend_actor *actor);

/* Have whoever closes @fd look for an operation on it. Any thread; it is not
 * kept if another one is, as the closer asks again. lend__descriptor_told():
 * what the closer was told, if anything. */
void lend__descriptor_tell_closer(int fd, const struct lend_orphan *orphan);
bool lend__descriptor_told(struct lend_closer *closer,
			   struct lend_orphan *ret_orphan);

/* Operations still in flight. */
unsigned lend__descriptor_in_flight(int fd);

/* All are over: close the descriptor, close(2). Its number is free for
 * operations as soon as it is free in the kernel. 0 or -errno. */
int lend__descriptor_end_close(struct lend_closer *closer);

/* The word that links @fd into a list of descriptors nobody has taken yet; NULL
 * if the table has no place for it. Whose the descriptor is, theirs is the
 * word. */
_Atomic uint32_t *lend__descriptor_link(int fd);

#endif
