/*
 * Kept memory of small messages: see message_store.h. Called by message.c and
 * by those who start and stop runtimes.
 */
#include "actor/message_store.h"

#include <stdlib.h>
#include <string.h>

static void free_chain(struct lend_mail *first)
{
	while (first) {
		struct lend_mail *next = first->next;

		free(first);
		first = next;
	}
}

void lend__message_depot_init(struct lend_message_depot *depot)
{
	memset(depot, 0, sizeof(*depot));
	pthread_mutex_init(&depot->lock, NULL);
}

static unsigned count_of(const struct lend_message_depot *depot, unsigned class)
{
	return atomic_load_explicit(&depot->counts[class],
				    memory_order_relaxed);
}

void lend__message_depot_fini(struct lend_message_depot *depot)
{
	for (unsigned i = 0; i < LEND_MESSAGE_CLASSES; i++)
		for (unsigned k = 0; k < count_of(depot, i); k++)
			free_chain(depot->chains[i][k]);
	pthread_mutex_destroy(&depot->lock);
}

void lend__message_store_init(struct lend_message_store *store,
			      struct lend_message_depot *depot)
{
	memset(store, 0, sizeof(*store));
	store->depot = depot;
}

void lend__message_store_fini(struct lend_message_store *store)
{
	for (unsigned i = 0; i < LEND_MESSAGE_CLASSES; i++) {
		free_chain(store->classes[i].first);
		free_chain(store->classes[i].spare);
	}
	memset(store->classes, 0, sizeof(store->classes));
}

/* A full chain of the depot's, or NULL. */
static struct lend_mail *take_chain(struct lend_message_depot *depot,
				    unsigned class)
{
	struct lend_mail *chain = NULL;
	unsigned count;

	/* Relaxed: who misses one asks malloc(). */
	if (!count_of(depot, class))
		return NULL;
	pthread_mutex_lock(&depot->lock);
	count = count_of(depot, class);
	if (count) {
		chain = depot->chains[class][--count];
		atomic_store_explicit(&depot->counts[class], count,
				      memory_order_relaxed);
	}
	pthread_mutex_unlock(&depot->lock);
	return chain;
}

/* False: it has as many as it may. */
static bool give_chain(struct lend_message_depot *depot, unsigned class,
		       struct lend_mail *chain)
{
	unsigned count;
	bool room;

	if (count_of(depot, class) == LEND_MESSAGE_DEPOT_MAX)
		return false;
	pthread_mutex_lock(&depot->lock);
	count = count_of(depot, class);
	room = count < LEND_MESSAGE_DEPOT_MAX;
	if (room) {
		depot->chains[class][count] = chain;
		atomic_store_explicit(&depot->counts[class], count + 1,
				      memory_order_relaxed);
	}
	pthread_mutex_unlock(&depot->lock);
	return room;
}

bool lend__message_store_refill(struct lend_message_store *store,
				unsigned class)
{
	struct lend_message_chains *chains = &store->classes[class];

	chains->first = chains->spare;
	chains->spare = NULL;
	if (!chains->first)
		chains->first = take_chain(store->depot, class);
	if (!chains->first)
		return false;
	chains->count = LEND_MESSAGE_CHAIN_MAX;
	return true;
}

void lend__message_store_unload(struct lend_message_store *store,
				unsigned class)
{
	struct lend_message_chains *chains = &store->classes[class];

	if (chains->spare && !give_chain(store->depot, class, chains->spare))
		free_chain(chains->spare);
	chains->spare = chains->first;
	chains->first = NULL;
	chains->count = 0;
}
