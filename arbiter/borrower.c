/*
 * What a borrower records of itself: see borrower.h.
 */
#include "arbiter/borrower.h"

void lend__borrower_write(struct lend_borrower *borrower,
			  enum lend_trace_event event, unsigned ring,
			  uint64_t argument)
{
	lend__recorder_write(&borrower->recorder,
			     &(struct lend_event){
				     .event = event,
				     .ring = (uint16_t)ring,
				     .worker = (uint16_t)borrower->index,
				     .by = (uint16_t)borrower->index,
				     .argument = argument,
			     });
}
