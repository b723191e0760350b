/*
 * The simulated kernel: what its parts know of each other.
 *
 *	kernel.c   rings: queues, completion work
 *	submit.c   submission, and waiting for completions
 *	register.c what is registered with rings, and cancelled by that call
 *	request.c  the life of one operation: tries, waits, chains, cancellation
 *	opcode.c   what that depends on the opcode for
 *	attempt.c  what each opcode does
 *	receive.c  what a receive does, and from which buffers
 *	file.c     descriptors: sockets, files, event descriptors
 *	splice.c   from file to file
 *	datagram.c what is sent without a connection
 *	inode.c    files and their names, in memory
 *	attribute.c what is attached to them
 *	futex.c    those who wait for a word
 *	child.c    child processes, and those who wait for them
 *	libc.c     the system calls and threads of the C library
 *	lock.c     its locks
 *	trial.c    what it tries at its start
 *
 * Kernel code runs on the thread that made the call, or on the scheduler for
 * what happens by itself, and is never preempted.
 */
#ifndef LEND_TESTS_SIM_KERNEL_H
#define LEND_TESTS_SIM_KERNEL_H

#include <liburing.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "sim.h"

#define SIM_FD_BASE   1000
#define SIM_FDS	      4096
#define SIM_PARTS_MAX 8
#define SIM_AGAIN     INT32_MIN /* not now: wait until the file is ready */
#define SIM_PATH_MAX  128
/* CLOCK_REALTIME when CLOCK_MONOTONIC is 0. */
#define SIM_EPOCH_S   1700000000
#define SIM_FILE_ROOM (64 << 10)
#define SIM_POISON    0xa5 /* an SQE that was submitted */

/* ---- files ---- */

enum sim_file_kind {
	SIM_FILE_EVENT,
	SIM_FILE_SOCKET, /* not bound, not connected yet */
	SIM_FILE_STREAM,
	SIM_FILE_DATAGRAM,
	SIM_FILE_LISTENER,
	SIM_FILE_REGULAR,
	SIM_FILE_RING,
};

struct sim_datagram;
struct sim_ring;
struct sim_req;

#define SIM_ATTRIBUTES_MAX 2
#define SIM_VALUE_MAX	   64

struct sim_attribute {
	char name[SIM_PATH_MAX]; /* none: it is free */
	char value[SIM_VALUE_MAX];
	size_t size;
};

struct sim_inode {
	unsigned references; /* names, and open files */
	bool is_directory;
	char target[SIM_PATH_MAX]; /* of a symbolic link */
	size_t size;
	char data[SIM_FILE_ROOM];
	struct sim_attribute attributes[SIM_ATTRIBUTES_MAX];
};

struct sim_file {
	enum sim_file_kind kind;
	unsigned references; /* descriptors, and operations */
	bool nonblocking;
	uint64_t count; /* event */
	/* stream, datagrams: what has come and nobody has read */
	char *data;
	struct sim_datagram *datagrams; /* in order */
	size_t begin, end;		/* counted for ever */
	struct sim_file *peer;
	bool no_more; /* the peer sends nothing more */
	bool shut;    /* this side reads nothing more */
	bool reset;
	bool is_pipe; /* one direction of a stream */
	/* listener */
	char address[SIM_PATH_MAX];
	struct sim_file *pending[64];
	unsigned pending_count;
	struct sim_inode *inode;
	struct sim_ring *ring;
};

/* NULL if there is none. */
struct sim_file *sim_file_at(int fd);
int sim_file_install(struct sim_file *file);
struct sim_file *sim_file_new(enum sim_file_kind kind);
void sim_file_hold(struct sim_file *file);
void sim_file_release(struct sim_file *file);
int sim_file_close(int fd);
unsigned sim_file_open_count(void);
/* poll(2)'s events that are there now. */
unsigned sim_file_ready(const struct sim_file *file);

/* socket(2)'s @type. */
struct sim_file *sim_socket_new(int type);
/* NULL if nothing of that kind has that address. */
struct sim_file *sim_file_bound(enum sim_file_kind kind, const char *address);
int sim_socket_pair(int fds[2]);
int sim_pipe(int fds[2]);
/* Bytes that fit, or are there; 0: no more will come; SIM_AGAIN: a transfer has
 * to wait; or its error. */
int sim_stream_room(const struct sim_file *file);
int sim_stream_there(struct sim_file *file);
/* Results as of a ring's operation; SIM_AGAIN would wait. */
int sim_stream_receive(struct sim_file *file, void *data, size_t size);
/* In parts: what is there, as sim_stream_there() says, and that there is room
 * now. */
void sim_stream_take(struct sim_file *file, void *data, size_t size);
void sim_stream_taken(struct sim_file *file);
int sim_stream_send(struct sim_file *file, const struct iovec *parts,
		    unsigned count, size_t skip);
int sim_stream_shutdown(struct sim_file *file, int how);
int sim_listener_accept(struct sim_file *listener);
int sim_socket_connect(struct sim_file *file, const struct sockaddr *address,
		       unsigned size);
int sim_socket_bind(struct sim_file *file, const struct sockaddr *address,
		    unsigned size);
/* An address for one that has none. */
void sim_socket_name_any(struct sim_file *file);
int sim_socket_name(const struct sim_file *file, struct sockaddr *ret_address,
		    unsigned *size);
void sim_address_text(const struct sockaddr *address, unsigned size,
		      char text[SIM_PATH_MAX]);

/* datagram.c */
int32_t sim_datagram_send(struct sim_req *req);
int32_t sim_datagram_receive(struct sim_req *req);
void sim_datagrams_free(struct sim_file *file);

/* splice.c */
int32_t sim_splice(struct sim_req *req);

/* attribute.c */
int32_t sim_attribute_set(struct sim_req *req);
int32_t sim_attribute_get(struct sim_req *req);

/* inode.c */
/* Through symbolic links; NULL if there is none. */
struct sim_inode *sim_inode_find(const char *path, bool create);
void sim_inode_release(struct sim_inode *inode);
int sim_inode_resize(struct sim_inode *inode, size_t size);
/* What the opcode of @req does with names. */
int32_t sim_name_attempt(struct sim_req *req);
unsigned sim_name_count(const struct sim_inode *inode);

/* ---- rings ---- */

struct sim_ring {
	struct io_uring *uring;
	unsigned flags; /* IORING_SETUP_* */
	int fd;
	unsigned index; /* in order of opening, for the trace */
	unsigned sq_entries, cq_entries, sq_mask, cq_mask;
	unsigned sq_head, sq_tail, cq_head, cq_tail, sq_flags; /* shared */
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	struct io_uring_cqe *overflow; /* in order */
	unsigned overflow_count, overflow_room;
	struct sim_thread *owner; /* SINGLE_ISSUER */
	bool disabled;
	struct io_uring_buf_ring *buffers;
	unsigned buffers_count;
	uint16_t buffers_head;
	struct sim_req *deferred_first, *deferred_last;
	unsigned requests;   /* alive */
	uint64_t consumed;   /* SQEs */
	uint64_t published;  /* on rings that were in its place before */
	uint64_t refused_ns; /* when it last did not take all */
	uint64_t posted;     /* CQEs */
	uint64_t visible_ns; /* when the oldest unreaped CQE was posted */
	struct sim_ring *next;
};

extern struct sim_ring *sim_rings;

enum sim_req_state {
	SIM_REQ_CHAINED,   /* behind another one */
	SIM_REQ_ARMED,	   /* until its file is ready */
	SIM_REQ_QUEUED,	   /* completion work of its thread */
	SIM_REQ_DELAYED,   /* until an event */
	SIM_REQ_ELSEWHERE, /* a kernel thread is at it */
	SIM_REQ_OVER,
};

struct sim_req {
	struct sim_req *next, *prev; /* all that live */
	struct sim_req *work_next;
	struct sim_ring *ring;
	struct sim_thread *thread; /* that submitted it */
	struct io_uring_sqe sqe;
	enum sim_req_state state;
	struct sim_file *file;
	struct sim_file *from; /* where a splice takes it */
	bool blocked;	       /* in the kernel thread that is at it */
	struct iovec parts[SIM_PARTS_MAX];
	unsigned parts_count;
	char path[SIM_PATH_MAX], path_2[SIM_PATH_MAX];
	struct sim_req *link;	 /* the next of its chain */
	struct sim_req *timeout; /* its armed LINK_TIMEOUT */
	struct sim_req *guarded; /* what this LINK_TIMEOUT ends */
	size_t done;		 /* bytes, of a send that goes on */
	size_t received;	 /* bytes, of a multishot receive */
	bool after_change;	 /* what is there now has been told of */
	uint64_t order;		 /* in which it was submitted */
	bool cancelled;
	bool poked; /* its file has changed, and that was noted */
	bool has_result;
	int32_t result;
	uint32_t result_flags;
	unsigned events; /* outstanding sim_at() */
	bool gone;	 /* over, but an event still has its address */
};

extern struct sim_req sim_requests; /* head of the list of those alive */

/* kernel.c */
void sim_ring_post(struct sim_ring *ring, uint64_t user_data, int32_t res,
		   uint32_t flags);
bool sim_ring_readable(const struct sim_ring *ring);
void sim_ring_flush_overflow(struct sim_ring *ring);
/* The completion work of one that defers it. */
void sim_ring_run_deferred(struct sim_ring *ring);
/* May the calling thread enter it? */
bool sim_ring_is_allowed(const struct sim_ring *ring);
void sim_work_add(struct sim_req *req);
/* Completion work of @thread that may be done now. */
void sim_work_run(struct sim_thread *thread, bool entered);
void sim_kernel_interrupt(struct sim_thread *thread);
void sim_kernel_return_to_user(struct sim_thread *thread);
void sim_kernel_thread_exit(struct sim_thread *thread);

void sim_kernel_print(void);

/* request.c */
struct sim_req *sim_req_new(struct sim_ring *ring,
			    const struct io_uring_sqe *sqe);
void sim_req_issue(struct sim_req *req);
void sim_req_run(struct sim_req *req);
void sim_req_free(struct sim_req *req);
void sim_req_finish(struct sim_req *req, int32_t res, uint32_t flags);
/* The kernel thread that waits with it is to let go. */
void sim_req_interrupt(struct sim_req *req);
/* How many were found; @already: how many of these could not be ended. */
unsigned sim_req_cancel(struct sim_ring *ring, uint64_t user_data, int fd,
			unsigned flags, unsigned *already);
/* Something about @file has changed. */
void sim_file_changed(struct sim_file *file);

/* opcode.c */
/* What the kernel copies at submission: it is the caller's again then. */
void sim_req_copy_arguments(struct sim_req *req);
bool sim_sqe_has_path(const struct io_uring_sqe *sqe);
bool sim_sqe_has_file(const struct io_uring_sqe *sqe);
/* Does @res end its chain? */
bool sim_req_has_failed(const struct sim_req *req, int32_t res);
/* poll(2)'s events that it waits for. */
unsigned sim_req_awaited_events(const struct sim_req *req);
bool sim_req_may_wait(const struct sim_req *req);
/* A kernel thread does it from beginning to end, and waits there. */
bool sim_sqe_is_splice(const struct io_uring_sqe *sqe);
bool sim_req_is_zero_copy(const struct sim_req *req);

/* receive.c */
int32_t sim_receive(struct sim_req *req, uint32_t *ret_flags);

/* attempt.c */
int32_t sim_attempt(struct sim_req *req, uint32_t *ret_flags);

/* futex.c */
int32_t sim_futex_wait(const struct sim_req *req);
int32_t sim_futex_wake(const struct sim_req *req);

/* child.c */
/* One that ends at @end_ns with @status. Its process id; -EAGAIN */
int sim_child_start(int group, int status, uint64_t end_ns);
int32_t sim_child_wait(const struct sim_req *req);

/* trial.c */
/* The library tries what the kernel can do. */
bool sim_is_trying(void);

/* lock.c */
bool sim_mutex_is_mine(const void *mutex);
bool sim_mutex_is_free(const void *mutex);

/* What goes wrong, is cut short, or takes its time. */
bool sim_fault(void);
size_t sim_shorten(size_t size);
uint64_t sim_delay_ns(void);

#endif
