/*
 * What the kernel has, but the headers it is compiled with may not: numbers of
 * the kernel's interface, by their own names. Whether the kernel that runs has
 * it is found out by asking (features.h), never from here.
 *
 * liburing's opcodes are an enum, so no preprocessor can tell which there are:
 * those above SENDMSG_ZC, the last of the oldest liburing in use, have macros
 * of the same names, which say the same.
 */
#ifndef LEND_URING_COMPAT_H
#define LEND_URING_COMPAT_H

#include <liburing.h>

#ifndef IORING_OP_READ_MULTISHOT
#define IORING_OP_READ_MULTISHOT   49
#define IORING_OP_WAITID	   50
#define IORING_OP_FUTEX_WAIT	   51
#define IORING_OP_FUTEX_WAKE	   52
#define IORING_OP_FUTEX_WAITV	   53
#define IORING_OP_FIXED_FD_INSTALL 54
#define IORING_OP_FTRUNCATE	   55
#define IORING_OP_BIND		   56
#define IORING_OP_LISTEN	   57
#define IORING_OP_RECV_ZC	   58
#define IORING_OP_EPOLL_WAIT	   59
#define IORING_OP_READV_FIXED	   60
#define IORING_OP_WRITEV_FIXED	   61
#define IORING_OP_PIPE		   62
#endif

/* Of IORING_OP_URING_CMD on a socket: sqe->cmd_op. */
#ifndef SOCKET_URING_OP_GETSOCKOPT
#define SOCKET_URING_OP_GETSOCKOPT 2
#define SOCKET_URING_OP_SETSOCKOPT 3
#endif

/* Of futexes in a ring: sqe->fd. */
#ifndef FUTEX2_SIZE_U32
#define FUTEX2_SIZE_U32 0x02
#endif
#ifndef FUTEX2_PRIVATE
#define FUTEX2_PRIVATE 128
#endif
#ifndef FUTEX_BITSET_MATCH_ANY
#define FUTEX_BITSET_MATCH_ANY 0xffffffff
#endif

/* A receive may fill several buffers for one completion. */
#ifndef IORING_RECVSEND_BUNDLE
#define IORING_RECVSEND_BUNDLE (1U << 4)
#endif

/* A buffer ring's buffers are filled in parts, one for each completion; what
 * says so was padding before. */
#ifndef IOU_PBUF_RING_INC
#define IOU_PBUF_RING_INC 2
#endif
#ifndef IORING_CQE_F_BUF_MORE
#define IORING_CQE_F_BUF_MORE (1U << 4)
#endif
struct lend__buffer_reg {
	uint64_t ring_addr;
	uint32_t ring_entries;
	uint16_t bgid;
	uint16_t flags;
	uint64_t reserved[3];
};

_Static_assert(sizeof(struct lend__buffer_reg) ==
		       sizeof(struct io_uring_buf_reg),
	       "the kernel's");

/* How many bytes a multishot receive takes in all before it ends. The field
 * (optlen) shares its place with file_index. */
static inline void lend__sqe_set_recv_credit(struct io_uring_sqe *sqe,
					     uint32_t bytes)
{
	sqe->file_index = bytes;
}

#endif
