/*
 * The queue of a lane, for check_queue_code.py to read the machine code of.
 */
#include "base/ck.h"

bool queue_push(struct lend_queue *queue, void *element);
void *queue_pop(struct lend_queue *queue, void *ahead[2], unsigned *ret_behind);
unsigned queue_pop_some(struct lend_queue *queue, void **elements);

bool queue_push(struct lend_queue *queue, void *element)
{
	return lend_queue_push(queue, element);
}

void *queue_pop(struct lend_queue *queue, void *ahead[2], unsigned *ret_behind)
{
	return lend_queue_pop_ahead(queue, ahead, ret_behind);
}

unsigned queue_pop_some(struct lend_queue *queue, void **elements)
{
	return lend_queue_pop_some(queue, elements, 8);
}
