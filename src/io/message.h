/*
 * What an asynchronous recvfrom has in the kernel's hands, and what it is for:
 * when it is over, pending.c tells the sender's address's size.
 */
#ifndef LEND_IO_MESSAGE_H
#define LEND_IO_MESSAGE_H

#include <sys/socket.h>
#include <sys/uio.h>

struct lend_message_from {
	struct msghdr header; /* first: what the SQE points to */
	struct iovec vector;
	unsigned *size; /* the caller's */
};

#endif
