/*
 * What an actor has to be done when it ends: lend_defer(), and its scopes.
 */
#ifndef LEND_RT_CLEANUP_H
#define LEND_RT_CLEANUP_H

#include <lend/base.h>

struct lend_actor;

/* The actor ends: call its cleanups and close its scopes, newest first. Thread:
 * itself. */
void lend__cleanup_run_all(struct lend_actor *self) LEND_AWAITS;

#endif
