/*
 * Descriptors that close with an actor: lend_defer_close() in
 * include/lend/io.h.
 *
 * Note [owner]
 * A word for each descriptor says which actor closes it, if any. An actor also
 * has a cleanup for each that was ever its own, and closes those that still
 * are: it takes the word back from itself to nobody first. Who takes one over
 * writes the word, with an operation counted on the descriptor; a closer clears
 * it when none is counted any more and before it closes. So a word is never
 * about a later descriptor of the same number. Words are about actors that
 * live: one clears its own before it ends.
 */
#ifndef LEND_IO_OWNER_H
#define LEND_IO_OWNER_H

/* @fd is about to be closed, and no operation is on it: it is nobody's. */
void lend__owner_forget(int fd);

#endif
