/*
 * Programs of a scenario whose claims do input and output: chains over files,
 * timeouts linked to receives, and operations that their actor leaves behind.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <string.h>

#include "kernel.h"
#include "program.h"

#define CHAIN_SIZE 700

static void commit(struct lend_claim_handle *claim,
		   struct lend_pending **pending)
{
	int err = lend_claim_commit(claim, pending);

	SIM_EXPECT(!err, "commit: %d", err);
}

static int await(struct lend_pending *pending)
{
	int res = lend_pending_await(pending, LEND_FOREVER);

	lend_pending_free(pending);
	return res;
}

/* ---- a write, and a read that is linked to it ---- */

static void write_and_read(int fd, unsigned number, char *data)
{
	struct lend_pending *pending[2];
	struct lend_claim_handle *claim = sim_claim(2);
	char *back = data + CHAIN_SIZE;
	int written, read;

	sim_fill(data, CHAIN_SIZE, number, 0);
	memset(back, 0, CHAIN_SIZE);
	io_uring_prep_write(lend_claim_sqe(claim, 0), fd, data, CHAIN_SIZE, 0);
	lend_claim_sqe(claim, 0)->flags |= IOSQE_IO_LINK;
	if (sim_draw(0, 2) == 0)
		lend_yield();
	io_uring_prep_read(lend_claim_sqe(claim, 1), fd, back, CHAIN_SIZE, 0);
	commit(claim, pending);
	if (sim_draw(0, 1)) {
		read = await(pending[1]);
		written = await(pending[0]);
	} else {
		written = await(pending[0]);
		read = await(pending[1]);
	}
	/* What was cut short, or interrupted, ends its chain. */
	if (written != CHAIN_SIZE) {
		SIM_EXPECT(written == -EINTR ||
				   (written > 0 && written < CHAIN_SIZE),
			   "write: %d", written);
		SIM_EXPECT(read == -ECANCELED, "read after %d: %d", written,
			   read);
		return;
	}
	SIM_EXPECT(read == -EINTR || (read > 0 && read <= CHAIN_SIZE),
		   "read: %d", read);
	if (read > 0)
		sim_compare(back, (size_t)read, number, 0);
}

static void run_file_chains(unsigned number)
{
	char *data = lend_io_alloc(2 * CHAIN_SIZE), path[32];
	int fd;

	SIM_EXPECT(data, "no memory");
	snprintf(path, sizeof(path), "/chain/%u", number);
	do
		fd = lend_openat(AT_FDCWD, path, O_RDWR | O_CREAT, 0600,
				 LEND_FOREVER);
	while (fd == -EMFILE || fd == -EINTR);
	SIM_EXPECT(fd >= 0, "open: %d", fd);
	for (unsigned i = sim_draw(1, 8); i > 0; i--)
		write_and_read(fd, number + i, data);
	SIM_EXPECT(!lend_close(fd), "close");
	lend_io_free(data);
}

/* ---- a receive, and a timeout that is linked to it ---- */

struct expiry {
	struct __kernel_timespec time;
	char data[64];
};

static void receive_with_timeout(int fd, bool data_comes)
{
	struct lend_pending *pending[2];
	struct lend_claim_handle *claim = sim_claim(2);
	struct expiry *expiry = lend_io_alloc(sizeof(*expiry));
	int received, expired;

	SIM_EXPECT(expiry, "no memory");
	expiry->time.tv_sec = 0;
	expiry->time.tv_nsec = (long long)sim_draw(0, 300) * 1000;
	io_uring_prep_recv(lend_claim_sqe(claim, 0), fd, expiry->data,
			   sizeof(expiry->data), 0);
	lend_claim_sqe(claim, 0)->flags |= IOSQE_IO_LINK;
	io_uring_prep_link_timeout(lend_claim_sqe(claim, 1), &expiry->time, 0);
	commit(claim, pending);
	received = await(pending[0]);
	expired = await(pending[1]);
	if (received > 0)
		SIM_EXPECT(data_comes, "%d bytes from nobody", received);
	else
		SIM_EXPECT(received == -ECANCELED, "recv: %d", received);
	SIM_EXPECT(expired == -ETIME || expired == -ECANCELED, "timeout: %d",
		   expired);
	lend_io_free(expiry);
}

static void run_timeout_chains(void)
{
	int fds[2], err = sim_socket_pair(fds);

	SIM_EXPECT(!err, "socketpair: %d", err);
	for (unsigned i = sim_draw(1, 6); i > 0; i--)
		receive_with_timeout(fds[0], false);
	SIM_EXPECT(lend_send_all(fds[1], "some", 4, LEND_FOREVER) == 4, "send");
	receive_with_timeout(fds[0], true);
	SIM_EXPECT(!lend_close(fds[0]) && !lend_close(fds[1]), "close");
}

int sim_program_chains(void *arg)
{
	if (sim.knobs.options.depth < 2)
		return 0;
	if (sim_draw(0, 1))
		run_file_chains(sim_number(arg));
	else
		run_timeout_chains();
	return 0;
}

/* ---- what an actor leaves behind ---- */

/* Ends with receives in flight: into its heap, into a buffer of the ring's,
 * and one that nobody ever looked at. */
static int leave_behind(void *arg)
{
	int fd = (int)(intptr_t)arg;
	struct lend_pending *pending;
	struct lend_claim_handle *claim;

	for (unsigned i = sim_draw(1, 3); i > 0; i--) {
		char *data = lend_io_alloc(100);

		SIM_EXPECT(data, "no memory");
		claim = sim_claim(1);
		io_uring_prep_recv(lend_claim_sqe(claim, 0), fd, data, 100, 0);
		commit(claim, &pending);
	}
	switch (sim_draw(0, 3)) {
	case 0:
		lend_yield();
		break;
	case 1:
		lend_pending_free(pending);
		break;
	case 2:
		/* Even with a claim that is open. */
		claim = sim_claim(1);
		break;
	default:
		lend_sleep(lend_after(sim_draw(0, 100) * LEND_US));
		break;
	}
	lend_exit(5);
}

int sim_program_leavers(void *arg)
{
	unsigned count = sim_draw(1, 8);
	lend_ref refs[8];
	int fds[2], err = sim_socket_pair(fds);

	(void)arg;
	SIM_EXPECT(!err, "socketpair: %d", err);
	for (unsigned i = 0; i < count; i++)
		refs[i] = sim_spawn(leave_behind, (void *)(intptr_t)fds[0]);
	for (unsigned i = 0; i < count; i++)
		sim_join(refs[i], 5);
	SIM_EXPECT(!lend_close(fds[0]) && !lend_close(fds[1]), "close");
	return 0;
}
