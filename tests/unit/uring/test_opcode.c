/*
 * Goal:   K14: every operation can be printed, each of its parts by its name;
 *         whatever it is, and however little room there is.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <lend/opcode.h>
#include <string.h>

#include "uring/compat.h"
#include "uring/opcode.h"

static char text[LEND_OPERATION_TEXT_MAX];

Test(opcode, each_has_a_name_of_its_own)
{
	for (unsigned i = 0; i <= IORING_OP_PIPE; i++) {
		cr_assert_not_null(lend_opcode_name(i), "opcode %u", i);
		for (unsigned j = 0; j < i; j++)
			cr_expect_str_neq(lend_opcode_name(i),
					  lend_opcode_name(j));
	}
	cr_expect_str_eq(lend_opcode_name(IORING_OP_SEND_ZC), "send_zc");
	cr_expect_str_eq(lend_opcode_name(IORING_OP_PIPE), "pipe");
	cr_expect_null(lend_opcode_name(IORING_OP_PIPE + 1));
	cr_expect_null(lend_opcode_name(255));
	cr_expect_null(lend_opcode_name(~0u));
}

Test(opcode, an_sqe_is_a_line)
{
	struct io_uring_sqe sqe = { 0 };

	io_uring_prep_nop(&sqe);
	lend_sqe_format(&sqe, text, sizeof(text));
	cr_expect_str_eq(text, "nop");
	io_uring_prep_recv(&sqe, 7, text, 64, MSG_WAITALL);
	sqe.flags = IOSQE_IO_LINK | IOSQE_ASYNC;
	sqe.ioprio = IORING_RECVSEND_POLL_FIRST;
	lend_sqe_format(&sqe, text, sizeof(text));
	cr_expect_str_eq(
		text,
		"recv on 7, size 64, op_flags 0x100, ioprio 0x1, flags io_link|async");
	io_uring_prep_read(&sqe, 0, text, 9, -1);
	lend_sqe_format(&sqe, text, sizeof(text));
	cr_expect_str_eq(text, "read on 0, size 9, offset -1");
	memset(&sqe, 0xff, sizeof(sqe));
	lend_sqe_format(&sqe, text, sizeof(text));
	cr_expect_eq(strncmp(text, "operation 255, size", 19), 0, "%s", text);
	cr_expect(strlen(text) < sizeof(text) - 1, "LEND_OPERATION_TEXT_MAX");
}

Test(opcode, a_cqe_is_a_result)
{
	struct io_uring_cqe cqe = { .res = 64 };

	lend_cqe_format(&cqe, text, sizeof(text));
	cr_expect_str_eq(text, "= 64");
	cqe.flags = IORING_CQE_F_MORE | IORING_CQE_F_BUFFER |
		    3 << IORING_CQE_BUFFER_SHIFT;
	lend_cqe_format(&cqe, text, sizeof(text));
	cr_expect_str_eq(text, "= 64, more, buffer 3");
	cqe = (struct io_uring_cqe){ .res = -ECONNRESET };
	lend_cqe_format(&cqe, text, sizeof(text));
	cr_expect_str_eq(text, "= -ECONNRESET");
}

Test(opcode, what_does_not_fit_is_cut)
{
	struct io_uring_sqe sqe = { 0 };

	io_uring_prep_recv(&sqe, 7, NULL, 64, 0);
	for (size_t size = 1; size < 12; size++) {
		memset(text, 'x', sizeof(text));
		lend_sqe_format(&sqe, text, size);
		cr_expect_eq(strlen(text), size - 1);
		cr_expect_eq(strncmp(text, "recv on 7, ", size - 1), 0);
		cr_expect_eq(text[size], 'x');
	}
}

Test(opcode, not_each_number_is_a_descriptor)
{
	struct io_uring_sqe sqe = { 0 };

	io_uring_prep_recv(&sqe, 7, NULL, 64, 0);
	cr_expect_eq(lend__opcode_fd(&sqe), 7);
	io_uring_prep_openat2(&sqe, -100, "", NULL);
	cr_expect_eq(lend__opcode_fd(&sqe), -1);
	io_uring_prep_socket(&sqe, 2, 1, 0, 0);
	cr_expect_eq(lend__opcode_fd(&sqe), -1);
	io_uring_prep_rw(IORING_OP_WAITID, &sqe, 1234, NULL, 0, 0);
	cr_expect_eq(lend__opcode_fd(&sqe), -1);
}
