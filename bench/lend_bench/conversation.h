/*
 * What generator and served workloads say to each other, and whether an answer
 * is right to the last byte.
 *
 * Frames: a message of a fixed size whose words follow from who sends it and
 * its number, so that no answer can be taken for another; the answer is the
 * same bytes. HTTP: the same short request each time, an answer with the
 * status, the length and the body that it must have.
 */
#ifndef LEND_BENCH_CONVERSATION_H
#define LEND_BENCH_CONVERSATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "answer_check.h"

#define FRAME_MAX 4096
/* An answer that is split between receives. */
#define ANSWER_MAX 16384

#define HTTP_PATH "/plaintext"
#define HTTP_BODY "Hello, World!"

/* The beginning of each frame; what follows is a pattern. */
struct frame {
	uint64_t number;  /* of this connection, from 0 */
	uint32_t speaker; /* the connection, and the run's seed */
	uint32_t burn_us; /* CPU to burn before the answer */
};

/* The head of the first HTTP answer: the others must have the same, but for
 * the date. */
struct head_seen {
	size_t size; /* 0: none seen yet */
	size_t date_at;
	size_t date_end;
	char bytes[1024];
};

struct conversation {
	bool http;
	size_t frame_size;
	uint32_t seed;
	struct head_seen *head; /* HTTP: of all speakers together */
};

/* One connection's side of it. */
struct speaker {
	const struct conversation *conversation;
	uint32_t index;
	uint32_t burn_us;
	uint64_t asked;	   /* requests written */
	uint64_t answered; /* answers seen, all right */
	size_t at;	   /* frames: bytes of the answer seen so far */
	struct answer_check check;
	size_t carry_size; /* HTTP: the beginning of a split answer */
	char *carry;
};

size_t conversation_request_size(const struct conversation *conversation);

/* @index tells connections of one run apart. */
void speaker_init(struct speaker *speaker,
		  const struct conversation *conversation, uint32_t index,
		  uint32_t burn_us);
void speaker_fini(struct speaker *speaker);

/* Write the next request to @bytes, which has room for it. */
void speaker_ask(struct speaker *speaker, char *bytes);

/**
 * Look at what was received.
 *
 * Return: how many answers it completes
 *         -EBADMSG  a byte is not what it must be, or nobody asked
 *         -ENOMEM
 */
ssize_t speaker_hear(struct speaker *speaker, const char *bytes, size_t size);

#endif
