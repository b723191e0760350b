/*
 * Goal:   in a hardened build whoever touches a buffer that the kernel works on
 *         faults there and then, and is told why; everything else is as usual:
 *         the data, and the buffer after the operation's end, whatever ended
 * it. Row H2. Method: the library, built with the checks, is linked statically.
 * Children touch what they must not, and their last words are read.
 */
#include <errno.h>
#include <liburing.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness/harness.h"
#include "mem/heap.h"

#define SIZE 16384

/* ---- what must go on as usual ---- */

static int pipe_fds[2], pair[2];

static void fill(char *bytes, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)(i * 31 + seed);
}

static bool is_filled(const char *bytes, size_t size, unsigned seed)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i] != (char)(i * 31 + seed))
			return false;
	return true;
}

/* From any offset and of any size, so that there are whole pages, parts of
 * pages, and both. */
static int data_is_the_same(void *arg)
{
	static const size_t sizes[] = { 1, 100, 4096, 4097, 8192, 12000 };
	char *out = lend_io_alloc(SIZE), *in = lend_io_alloc(SIZE);

	(void)arg;
	test_pair(pair);
	for (unsigned i = 0; i < 6 * 5; i++) {
		size_t size = sizes[i % 6], at = i / 6 * 1000;
		struct lend_pending *pending;

		fill(out, SIZE, i);
		memset(in, 0, SIZE);
		CHECK_EQ(lend_recv_async(pair[1], in + at, size, MSG_WAITALL,
					 &pending),
			 0);
		CHECK_EQ(lend_send(pair[0], out + at, size, 0, LEND_FOREVER),
			 size);
		CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), size);
		/* Open already, not only when the handle is freed. */
		CHECK(memcmp(in + at, out + at, size) == 0);
		CHECK(is_filled(out, SIZE, i));
		memset(in, 1, SIZE);
		memset(out, 1, SIZE);
		lend_pending_free(pending);
	}
	CHECK_EQ(lend_close(pair[0]), 0);
	CHECK_EQ(lend_close(pair[1]), 0);
	return 0;
}

static int claims_are_held_too(void *arg)
{
	char *span = lend_io_alloc(4096);
	struct lend_claim_handle *claim;
	struct lend_pending *pending;

	(void)arg;
	CHECK_EQ(pipe(pipe_fds), 0);
	CHECK_EQ(lend_claim(1, LEND_FOREVER, &claim), 0);
	io_uring_prep_read(lend_claim_sqe(claim, 0), pipe_fds[0], span, 4096,
			   (uint64_t)-1);
	CHECK_EQ(lend_claim_commit(claim, &pending), 0);
	/* The kernel says so for the program's own calls: nothing is there for
	 * them. */
	CHECK_EQ(write(pipe_fds[1], span, 4096) < 0 ? errno : 0, EFAULT);
	CHECK_EQ(write(pipe_fds[1], "abc", 3), 3);
	CHECK_EQ(lend_pending_await(pending, LEND_FOREVER), 3);
	CHECK(memcmp(span, "abc", 3) == 0);
	lend_pending_free(pending);
	CHECK_EQ(close(pipe_fds[0]), 0);
	CHECK_EQ(close(pipe_fds[1]), 0);
	return 0;
}

static int buffers_are_open_after_any_end(void *arg)
{
	char *span = lend_io_alloc(4096);
	struct lend_pending *pending;

	(void)arg;
	CHECK_EQ(pipe(pipe_fds), 0);
	memset(span, 7, 4096);
	CHECK_EQ(lend_read(pipe_fds[0], span, 4096, -1, lend_after(LEND_MS)),
		 -ETIMEDOUT);
	CHECK_EQ(span[4095], 7);
	CHECK_EQ(lend_read_async(pipe_fds[0], span, 4096, -1, &pending), 0);
	lend_pending_free(pending);
	memset(span, 8, 4096);
	CHECK_EQ(lend_read(-2, span, 4096, -1, LEND_FOREVER), -EBADF);
	memset(span, 9, 4096);
	CHECK_EQ(lend_close(pipe_fds[0]), 0);
	CHECK_EQ(lend_close(pipe_fds[1]), 0);
	return 0;
}

/* ---- what must not ---- */

enum crime { READS, WRITES_TO_WHAT_IS_SENT, NOTIFIED };

static enum crime crime;

static int offend(void *arg)
{
	volatile char *span = lend_io_alloc(1 << 20);
	struct lend_pending *pending;
	int err = 0;

	(void)arg;
	test_pair(pair);
	memset((void *)(uintptr_t)span, 1, 1 << 20);
	switch (crime) {
	case READS:
	case NOTIFIED:
		err = lend_recv_async(pair[0], (void *)(uintptr_t)span, 1 << 20,
				      0, &pending);
		if (!err && crime == NOTIFIED)
			lend_pending_notify(pending, 1);
		fprintf(stderr, "now %d\n", err);
		return span[5000];
	case WRITES_TO_WHAT_IS_SENT:
		/* More than a socket's buffer takes. */
		err = lend_send_async(pair[0], (void *)(uintptr_t)span, 1 << 20,
				      MSG_WAITALL, &pending);
		/* To look at it is no harm. */
		fprintf(stderr, "now %d\n", err + span[5000] - 1);
		span[5000] = 2;
		return 0;
	}
	return 0;
}

static int expect_fault(enum crime which)
{
	char words[4096];
	int status;

	crime = which;
	status = test_in_child(offend, words, sizeof(words));
	CHECK(strstr(words, "now 0") != NULL);
#ifdef __SANITIZE_ADDRESS__
	/* It takes the signal, and prints more than a pipe may take. */
	CHECK(status != 0);
	CHECK(strstr(words, "SEGV") != NULL);
#else
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	if (!CHECK(strstr(words, "while an operation works on it")))
		fprintf(stderr, "%s\n", words);
#endif
	return 0;
}

static int reading_a_receive_buffer_faults(void)
{
	return expect_fault(READS);
}

static int writing_to_a_send_buffer_faults(void)
{
	return expect_fault(WRITES_TO_WHAT_IS_SENT);
}

static int memory_stays_closed_until_the_end(void)
{
	return expect_fault(NOTIFIED);
}

int main(int argc, char **argv)
{
	test_init(argc, argv, 60);
	if (!LEND_HEAP_VIEWS) {
		test_skip("held", "ThreadSanitizer has no room for two views");
		return test_finish();
	}
	test_actor("data_is_the_same", data_is_the_same);
	test_actor("claims_are_held_too", claims_are_held_too);
	test_actor("buffers_are_open_after_any_end",
		   buffers_are_open_after_any_end);
	test_plain("reading_a_receive_buffer_faults",
		   reading_a_receive_buffer_faults);
	test_plain("writing_to_a_send_buffer_faults",
		   writing_to_a_send_buffer_faults);
	test_plain("memory_stays_closed_until_the_end",
		   memory_stays_closed_until_the_end);
	return test_finish();
}
