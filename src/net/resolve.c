/*
 * Names to addresses: see include/lend/net.h. The C library's resolver does it,
 * on a thread of the blocking pool, with copies of what it is asked: an actor
 * that does not want to wait any longer leaves it to that thread.
 */
#include <lend/net.h>

#include <errno.h>
#include <lend/blocking.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct question {
	struct addrinfo hints;
	bool has_hints;	  /* none mean something else than zeroed ones */
	const char *node; /* NULL, or into @texts */
	const char *service;
	struct addrinfo *answer;
	int error; /* errno, of EAI_SYSTEM */
	char texts[];
};

static int ask(void *arg)
{
	struct question *question = arg;
	int res = getaddrinfo(question->node, question->service,
			      question->has_hints ? &question->hints : NULL,
			      &question->answer);

	question->error = errno;
	return res;
}

static void free_question(void *arg)
{
	struct question *question = arg;

	if (question->answer)
		freeaddrinfo(question->answer);
	free(question);
}

static struct question *make_question(const char *node, const char *service,
				      const struct addrinfo *hints)
{
	size_t node_size = node ? strlen(node) + 1 : 0;
	size_t service_size = service ? strlen(service) + 1 : 0;
	struct question *question = calloc(1, sizeof(*question) + node_size +
						      service_size);

	if (!question)
		return NULL;
	if (hints) {
		question->hints = *hints;
		question->has_hints = true;
	}
	if (node)
		question->node = memcpy(question->texts, node, node_size);
	if (service)
		question->service = memcpy(question->texts + node_size, service,
					   service_size);
	return question;
}

static int error_of(int eai, int system_error)
{
	switch (eai) {
	case 0:
		return 0;
	case EAI_AGAIN:
		return -EAGAIN;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_NONAME:
	case EAI_NODATA:
	case EAI_ADDRFAMILY:
		return -ENOENT;
	case EAI_FAMILY:
		return -EAFNOSUPPORT;
	case EAI_SYSTEM:
		return system_error ? -system_error : -EIO;
	case EAI_FAIL:
		return -EIO;
	default:
		return -EINVAL; /* of the question */
	}
}

int lend_getaddrinfo(const char *node, const char *service,
		     const struct addrinfo *hints, uint64_t deadline,
		     struct addrinfo **ret_list)
{
	struct question *question = make_question(node, service, hints);
	int res, err;

	if (!question)
		return -ENOMEM;
	err = lend_blocking_owned(ask, question, free_question, deadline, &res);
	if (err)
		return err;
	err = error_of(res, question->error);
	if (!err) {
		*ret_list = question->answer;
		question->answer = NULL;
	}
	free_question(question);
	return err;
}
