/*
 * The message store: memory of small messages that a worker has freed, kept for
 * the next ones.
 *
 * Blocks are malloc()'s, of the size of their class, so that each can go back
 * to free() at any time, in any thread. A worker keeps two chains of each
 * class. When both are full it gives one to the depot of its runtime, when both
 * are empty it takes one from there: where some workers send and others
 * receive, the memory goes back by whole chains.
 *
 * What is kept is bounded: LEND_MESSAGE_CHAIN_MAX blocks a chain, two chains of
 * each class a worker (56 KiB), LEND_MESSAGE_DEPOT_MAX chains of each class in
 * the depot (448 KiB). What is more goes to free().
 */
#ifndef LEND_ACTOR_MESSAGE_STORE_H
#define LEND_ACTOR_MESSAGE_STORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "actor/mailbox.h"
#include "base/check.h"

/* Of 64, 128 and 256 bytes, with the message's head. */
#define LEND_MESSAGE_CLASSES 3

/* AddressSanitizer is to see each message's own block. */
#if defined(__SANITIZE_ADDRESS__)
#define LEND_MESSAGE_STORED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LEND_MESSAGE_STORED 0
#endif
#endif
#ifndef LEND_MESSAGE_STORED
#define LEND_MESSAGE_STORED 1
#endif

#define LEND_MESSAGE_CHAIN_MAX 64
#define LEND_MESSAGE_DEPOT_MAX 16

/* One for each runtime. */
struct lend_message_depot {
	pthread_mutex_t lock;
	/* [lock] full ones */
	struct lend_mail *chains[LEND_MESSAGE_CLASSES][LEND_MESSAGE_DEPOT_MAX];
	/* [lock] writes; read without it as a hint */
	_Atomic unsigned counts[LEND_MESSAGE_CLASSES];
};

struct lend_message_chains {
	struct lend_mail *first;
	unsigned count;
	struct lend_mail *spare; /* NULL, or LEND_MESSAGE_CHAIN_MAX */
};

/* [owner] One for each worker. */
struct lend_message_store {
	struct lend_message_depot *depot;
	struct lend_message_chains classes[LEND_MESSAGE_CLASSES];
};

void lend__message_depot_init(struct lend_message_depot *depot);
void lend__message_depot_fini(struct lend_message_depot *depot);

void lend__message_store_init(struct lend_message_store *store,
			      struct lend_message_depot *depot);
/* Free what it keeps. */
void lend__message_store_fini(struct lend_message_store *store);

/* LEND_MESSAGE_CLASSES: it is of no class. @size: of the whole block. */
static inline unsigned lend__message_class(size_t size)
{
	if (!LEND_MESSAGE_STORED)
		return LEND_MESSAGE_CLASSES;
	if (lend_likely(size <= 64))
		return 0;
	return size <= 128 ? 1 : size <= 256 ? 2 : LEND_MESSAGE_CLASSES;
}

static inline size_t lend__message_class_size(unsigned class)
{
	return (size_t)64 << class;
}

/* The owner's chain is empty: the spare one, or one of the depot. False: there
 * is none. */
bool lend__message_store_refill(struct lend_message_store *store,
				unsigned class);
/* The owner's chain is full: make room, in the depot or by free(). */
void lend__message_store_unload(struct lend_message_store *store,
				unsigned class);

/* A block of @class, or NULL. */
static inline struct lend_mail *
lend__message_store_take(struct lend_message_store *store, unsigned class)
{
	struct lend_message_chains *chains = &store->classes[class];
	struct lend_mail *first;

	if (lend_unlikely(!chains->count) &&
	    !lend__message_store_refill(store, class))
		return NULL;
	first = chains->first;
	chains->first = first->next;
	chains->count--;
	return first;
}

static inline void lend__message_store_put(struct lend_message_store *store,
					   unsigned class,
					   struct lend_mail *block)
{
	struct lend_message_chains *chains = &store->classes[class];

	if (lend_unlikely(chains->count == LEND_MESSAGE_CHAIN_MAX))
		lend__message_store_unload(store, class);
	block->next = chains->first;
	chains->first = block;
	chains->count++;
}

#endif
