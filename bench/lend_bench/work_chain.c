/*
 * Linked chains: send, receive, send, receive ... on a pair of sockets. The
 * receives do not wait, so one that the kernel began before the send it is
 * linked to was over finds nothing, and fails: a chain that was split, or
 * whose order was lost, is seen.
 */
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lend_bench/crew.h"
#include "lend_bench/workload.h"

#define LENGTH_MAX  256
#define PACKET_SIZE 64

/* What one actor's chains are about. */
struct packets {
	int pair[2];
	unsigned length;
	char out[LENGTH_MAX / 2][PACKET_SIZE];
	char in[LENGTH_MAX / 2][PACKET_SIZE];
};

static void fill(struct packets *packets, struct member *member,
		 struct lend_claim_handle *claim)
{
	for (unsigned i = 0; i < packets->length / 2; i++) {
		struct io_uring_sqe *send = lend_claim_sqe(claim, 2 * i);
		struct io_uring_sqe *recv = lend_claim_sqe(claim, 2 * i + 1);
		uint64_t word = member_random(member);

		for (size_t at = 0; at < PACKET_SIZE; at += sizeof(word))
			memcpy(packets->out[i] + at, &word, sizeof(word));
		io_uring_prep_send(send, packets->pair[0], packets->out[i],
				   PACKET_SIZE, MSG_NOSIGNAL);
		send->flags |= IOSQE_IO_LINK;
		io_uring_prep_recv(recv, packets->pair[1], packets->in[i],
				   PACKET_SIZE, MSG_DONTWAIT);
		if (2 * i + 2 < packets->length)
			recv->flags |= IOSQE_IO_LINK;
	}
}

static int run_chain(struct packets *packets, struct member *member)
{
	struct subject *subject = member->subject;
	struct lend_pending *pending[LENGTH_MAX];
	struct lend_claim_handle *claim;
	unsigned length = packets->length, right = 0;
	int err = lend_claim(length, LEND_FOREVER, &claim);

	if (err)
		return err;
	fill(packets, member, claim);
	err = lend_claim_commit(claim, pending);
	if (err)
		return err;
	member_count(&member->started, length);
	for (unsigned i = 0; i < length; i++) {
		right += lend_pending_await(pending[i], LEND_FOREVER) ==
			 PACKET_SIZE;
		lend_pending_free(pending[i]);
	}
	if (subject_tampers(subject, TAMPER_CORRUPT))
		packets->in[0][0] ^= 1;
	if (right == length && memcmp(packets->in, packets->out,
				      (size_t)length / 2 * PACKET_SIZE) != 0)
		right--;
	member_count(&member->errors, length - right);
	if (subject_tampers(subject, TAMPER_LOSE))
		right--;
	member_count(&member->finished, right);
	return 0;
}

static int member_run(void *arg)
{
	struct member *member = arg;
	struct packets *packets = calloc(1, sizeof(*packets));
	uint64_t began_ns, now_ns = lend_now();
	int err = packets ? 0 : -ENOMEM;

	if (!err &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, packets->pair))
		err = -errno;
	if (err) {
		member_count(&member->errors, 1);
		free(packets);
		return err;
	}
	packets->length = member->subject->config->params[PARAM_LENGTH];
	while (member_goes_on(member) && !err) {
		began_ns = now_ns;
		err = run_chain(packets, member);
		now_ns = lend_now();
		member_time(member, began_ns, now_ns);
	}
	if (err)
		member_count(&member->errors, 1);
	lend_close(packets->pair[0]);
	lend_close(packets->pair[1]);
	free(packets);
	return err;
}

static int start(struct subject *subject)
{
	return crew_start(subject, subject->config->params[PARAM_ACTORS],
			  PLACE_SPREAD, member_run);
}

const struct workload workload_chain = {
	.name = "chain",
	.summary = "linked chains of sends and receives, whole and in order",
	.defaults = { [PARAM_ACTORS] = "8", [PARAM_LENGTH] = "4" },
	.start = start,
	.stop = crew_stop,
};
