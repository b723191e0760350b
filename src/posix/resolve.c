/*
 * getaddrinfo(), for an actor: see shim.h. The C library's own does it, on a
 * thread of the blocking pool.
 */
#include <errno.h>
#include <netdb.h>

#include "posix/next.h"
#include "posix/shim.h"

struct question {
	__typeof__(&getaddrinfo) fn;
	const char *node;
	const char *service;
	const struct addrinfo *hints;
	struct addrinfo **ret_list;
	int error;
};

static int ask(void *arg)
{
	struct question *question = arg;
	int res = question->fn(question->node, question->service,
			       question->hints, question->ret_list);

	question->error = errno;
	return res;
}

POSIX_API int getaddrinfo(const char *node, const char *service,
			  const struct addrinfo *hints,
			  struct addrinfo **ret_list)
{
	struct question question = {
		.fn = NEXT(getaddrinfo),
		.node = node,
		.service = service,
		.hints = hints,
		.ret_list = ret_list,
	};
	int res = 0, err;

	if (!posix__may_suspend())
		return question.fn(node, service, hints, ret_list);
	err = lend_blocking(ask, &question, LEND_FOREVER, &res);
	switch (err) {
	case 0:
		break;
	case -EAGAIN:
		return EAI_AGAIN;
	case -ENOMEM:
		return EAI_MEMORY;
	default:
		posix__fail(-err);
		return EAI_SYSTEM;
	}
	if (res == EAI_SYSTEM)
		posix__fail(question.error);
	return res;
}
