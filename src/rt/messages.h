/*
 * Where the calling thread's small messages come from.
 */
#ifndef LEND_RT_MESSAGES_H
#define LEND_RT_MESSAGES_H

struct lend_message_store;

/* Of its worker; NULL on other threads. */
struct lend_message_store *lend__messages_store(void);

#endif
