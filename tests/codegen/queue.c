/*
 * The queue of a lane, for check_queue_code.py to read the machine code of.
 */
#include "base/ck.h"

bool queue_push(struct lend_queue *queue, void *element);
bool queue_find_room(struct lend_queue *queue);
unsigned queue_pop(struct lend_queue *queue, void *elements[3]);
unsigned queue_pop_some(struct lend_queue *queue, void **elements);

bool queue_push(struct lend_queue *queue, void *element)
{
	return lend_queue_push_known(queue, element);
}

bool queue_find_room(struct lend_queue *queue)
{
	return lend_queue_find_room(queue);
}

unsigned queue_pop(struct lend_queue *queue, void *elements[3])
{
	return lend_queue_pop_ahead(queue, elements);
}

unsigned queue_pop_some(struct lend_queue *queue, void **elements)
{
	return lend_queue_pop_some(queue, elements, 8);
}
