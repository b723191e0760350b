/*
 * Programs of a scenario about claims, time, cancellation and messages.
 */
#include <errno.h>
#include <liburing.h>
#include <string.h>

#include "kernel.h"
#include "program.h"

#define CLAIM_MAX 16

static unsigned draw_count(void)
{
	unsigned most = sim.knobs.options.depth;

	return sim_draw(1, most < CLAIM_MAX ? most : CLAIM_MAX);
}

static void await_all(struct lend_pending **pending, unsigned count, int want)
{
	for (unsigned i = 0; i < count; i++) {
		int res = lend_pending_await(pending[i], LEND_FOREVER);

		SIM_EXPECT(res == want, "operation %u of %u: %d", i, count,
			   res);
		lend_pending_free(pending[i]);
	}
}

static void fill_chain(struct lend_claim_handle *claim, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		io_uring_prep_nop(lend_claim_sqe(claim, i));
		if (i + 1 < count)
			lend_claim_sqe(claim, i)->flags |= IOSQE_IO_LINK;
	}
}

static void run_chain(void (*between)(void))
{
	struct lend_pending *pending[CLAIM_MAX];
	unsigned count = draw_count();
	struct lend_claim_handle *claim = sim_claim(count);
	int err;

	fill_chain(claim, count);
	if (between)
		between();
	if (sim_draw(0, 15) == 0) {
		lend_claim_abandon(claim);
		return;
	}
	err = lend_claim_commit(claim, pending);
	SIM_EXPECT(!err, "commit: %d", err);
	await_all(pending, count, 0);
}

int sim_program_claims(void *arg)
{
	(void)arg;
	for (unsigned i = sim_draw(1, 30); i > 0; i--)
		run_chain(NULL);
	return 0;
}

/* What actors do while they hold a claim. */
static void dawdle(void)
{
	uint64_t stall_ns = sim.knobs.options.stall_ns;

	switch (sim_draw(0, 4)) {
	case 0:
		lend_yield();
		break;
	case 1:
		lend_sleep(lend_after(sim_draw(0, 50) * LEND_US));
		break;
	case 2:
		sim_burn(stall_ns * sim_draw(1, 8) / 4);
		break;
	case 3:
		sim_burn(stall_ns * sim_draw(1, 8) / 4);
		lend_yield();
		break;
	default:
		break;
	}
}

int sim_program_held_claims(void *arg)
{
	(void)arg;
	for (unsigned i = sim_draw(1, 15); i > 0; i--)
		run_chain(dawdle);
	return 0;
}

/* Computes for long, again and again, with operations in between. */
int sim_program_burns(void *arg)
{
	uint64_t stall_ns = sim.knobs.options.stall_ns;

	(void)arg;
	for (unsigned i = sim_draw(1, 12); i > 0; i--) {
		/* Now and then so long that nobody could overlook it. */
		if (sim_draw(0, 5))
			sim_burn(stall_ns * sim_draw(1, 12) / 4);
		else
			sim_burn(8 * stall_ns + 10 * LEND_MS);
		run_chain(NULL);
		if (sim_draw(0, 1))
			lend_yield();
	}
	return 0;
}

/* ---- time ---- */

int sim_program_sleeps(void *arg)
{
	(void)arg;
	for (unsigned i = sim_draw(1, 12); i > 0; i--) {
		uint64_t deadline = lend_after(sim_draw(0, 3000) * LEND_US);
		int err = lend_sleep(deadline);

		SIM_EXPECT(!err && lend_now() >= deadline, "sleep: %d", err);
	}
	return 0;
}

/* Receives that nothing comes for: each ends at its deadline. */
static int wait_in_vain(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char data[64];

	for (unsigned i = sim_draw(1, 5); i > 0; i--) {
		uint64_t deadline = lend_after(sim_draw(0, 500) * LEND_US);
		ssize_t res = lend_recv(fd, data, sizeof(data), 0, deadline);

		SIM_EXPECT(res == -ETIMEDOUT && lend_now() >= deadline,
			   "recv: %d", (int)res);
	}
	return 0;
}

int sim_program_timeouts(void *arg)
{
	unsigned count = sim_draw(1, 20);
	lend_ref refs[20];
	int fds[2], err = sim_socket_pair(fds);

	(void)arg;
	SIM_EXPECT(!err, "socketpair: %d", err);
	for (unsigned i = 0; i < count; i++)
		refs[i] = sim_spawn(wait_in_vain, (void *)(intptr_t)fds[0]);
	for (unsigned i = 0; i < count; i++)
		sim_join(refs[i], 0);
	SIM_EXPECT(!lend_close(fds[0]) && !lend_close(fds[1]), "close");
	return 0;
}

/* ---- cancellation ---- */

static int wait_for_cancel(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct lend_buffer buffer;
	char data[64];
	ssize_t res;

	switch (sim_draw(0, 3)) {
	case 0:
		res = lend_recv(fd, data, sizeof(data), 0, LEND_FOREVER);
		break;
	case 1:
		res = lend_recv_buffer(fd, LEND_FOREVER, &buffer);
		break;
	case 2:
		res = lend_poll(fd, 1, LEND_FOREVER);
		break;
	default:
		res = lend_sleep(LEND_FOREVER);
		break;
	}
	SIM_EXPECT(res == -ECANCELED, "%d", (int)res);
	return 3;
}

int sim_program_cancels(void *arg)
{
	unsigned count = sim_draw(1, 20);
	lend_ref refs[20];
	int fds[2], err = sim_socket_pair(fds);

	(void)arg;
	SIM_EXPECT(!err, "socketpair: %d", err);
	for (unsigned i = 0; i < count; i++)
		refs[i] = sim_spawn(wait_for_cancel, (void *)(intptr_t)fds[0]);
	if (sim_draw(0, 1))
		lend_sleep(lend_after(sim_draw(0, 100) * LEND_US));
	for (unsigned i = 0; i < count; i++)
		lend_cancel(refs[i]);
	for (unsigned i = 0; i < count; i++)
		sim_join(refs[i], 3);
	SIM_EXPECT(!lend_close(fds[0]) && !lend_close(fds[1]), "close");
	return 0;
}

/* ---- messages ---- */

static int answer(void *arg)
{
	unsigned count = sim_number(arg);

	for (unsigned i = 0; i < count; i++) {
		struct lend_msg *msg = NULL;
		int err = lend_receive(LEND_FOREVER, &msg);

		SIM_EXPECT(!err && lend_msg_type(msg) == i, "receive: %d", err);
		err = lend_tell(lend_msg_sender(msg), i, lend_msg_data(msg),
				lend_msg_size(msg));
		SIM_EXPECT(!err, "tell: %d", err);
		lend_msg_free(msg);
	}
	return (int)count;
}

int sim_program_messages(void *arg)
{
	unsigned count = sim_draw(1, 40), number = sim_number(arg);
	lend_ref other = sim_spawn(answer, (void *)(uintptr_t)count);
	char data[50];

	for (unsigned i = 0; i < count; i++) {
		size_t size = sim_draw(0, sizeof(data));
		struct lend_msg *msg = NULL;
		int err;

		sim_fill(data, size, number, i);
		err = lend_tell(other, i, data, size);
		SIM_EXPECT(!err, "tell: %d", err);
		err = lend_receive(LEND_FOREVER, &msg);
		SIM_EXPECT(!err && lend_msg_type(msg) == i &&
				   lend_msg_size(msg) == size,
			   "receive: %d", err);
		sim_compare(lend_msg_data(msg), size, number, i);
		lend_msg_free(msg);
	}
	sim_join(other, (int)count);
	return 0;
}
