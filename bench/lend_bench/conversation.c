/*
 * Requests and answers: see conversation.h.
 */
#include "lend_bench/conversation.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char http_request[] = "GET " HTTP_PATH " HTTP/1.1\r\n"
				   "Host: lend-bench\r\n\r\n";

size_t conversation_request_size(const struct conversation *conversation)
{
	return conversation->http ? sizeof(http_request) - 1 :
				    conversation->frame_size;
}

void speaker_init(struct speaker *speaker,
		  const struct conversation *conversation, uint32_t index,
		  uint32_t burn_us)
{
	*speaker = (struct speaker){
		.conversation = conversation,
		.index = index,
		.burn_us = burn_us,
		.check = { .body = HTTP_BODY,
			   .body_size = sizeof(HTTP_BODY) - 1 },
	};
}

void speaker_fini(struct speaker *speaker)
{
	free(speaker->carry);
	speaker->carry = NULL;
}

static void frame_write(const struct speaker *speaker, uint64_t number,
			char *bytes)
{
	const struct conversation *conversation = speaker->conversation;
	const struct frame frame = {
		.number = number,
		.speaker = speaker->index ^ conversation->seed,
		.burn_us = speaker->burn_us,
	};
	uint64_t word = (number + 1) * 0x9e3779b97f4a7c15u ^ frame.speaker;

	memcpy(bytes, &frame, sizeof(frame));
	for (size_t at = sizeof(frame); at < conversation->frame_size;) {
		size_t rest = conversation->frame_size - at;
		size_t part = rest < sizeof(word) ? rest : sizeof(word);

		word = word * 6364136223846793005u + 1442695040888963407u;
		memcpy(bytes + at, &word, part);
		at += part;
	}
}

void speaker_ask(struct speaker *speaker, char *bytes)
{
	if (speaker->conversation->http)
		memcpy(bytes, http_request, sizeof(http_request) - 1);
	else
		frame_write(speaker, speaker->asked, bytes);
	speaker->asked++;
}

static ssize_t hear_frames(struct speaker *speaker, const char *bytes,
			   size_t size)
{
	size_t frame_size = speaker->conversation->frame_size;
	ssize_t answers = 0;

	while (size > 0) {
		char expected[FRAME_MAX];
		size_t part = frame_size - speaker->at;

		if (part > size)
			part = size;
		if (speaker->answered == speaker->asked)
			return -EBADMSG;
		frame_write(speaker, speaker->answered, expected);
		if (memcmp(bytes, expected + speaker->at, part) != 0)
			return -EBADMSG;
		bytes += part;
		size -= part;
		speaker->at += part;
		if (speaker->at == frame_size) {
			speaker->at = 0;
			speaker->answered++;
			answers++;
		}
	}
	return answers;
}

/* Keep the beginning of an answer for the next time. */
static int carry_keep(struct speaker *speaker, const char *bytes, size_t size)
{
	if (size > 0 && !speaker->carry) {
		speaker->carry = malloc(ANSWER_MAX);
		if (!speaker->carry)
			return -ENOMEM;
	}
	if (size > 0)
		memmove(speaker->carry, bytes, size);
	speaker->carry_size = size;
	return 0;
}

static void head_keep(struct head_seen *head, const char *bytes, size_t size)
{
	static const char date[] = "\r\nDate: ";
	const char *found = memmem(bytes, size, date, sizeof(date) - 1);

	head->size = size;
	memcpy(head->bytes, bytes, size);
	if (found) {
		const char *value = found + sizeof(date) - 1;

		head->date_at = (size_t)(value - bytes);
		/* The head ends with a line break, so there is one. */
		head->date_end =
			(size_t)((const char *)memchr(value, '\r',
						      size - head->date_at) -
				 bytes);
	}
}

static bool head_is_right(struct head_seen *head, const char *bytes,
			  size_t size)
{
	if (head->size == 0 && size <= sizeof(head->bytes))
		head_keep(head, bytes, size);
	return size == head->size &&
	       memcmp(bytes, head->bytes, head->date_at) == 0 &&
	       memcmp(bytes + head->date_end, head->bytes + head->date_end,
		      size - head->date_end) == 0;
}

static ssize_t hear_http(struct speaker *speaker, const char *bytes,
			 size_t size)
{
	ssize_t answers = 0;
	size_t at = 0;
	int err;

	if (speaker->carry_size > 0) {
		if (speaker->carry_size + size > ANSWER_MAX)
			return -EBADMSG;
		memcpy(speaker->carry + speaker->carry_size, bytes, size);
		bytes = speaker->carry;
		size += speaker->carry_size;
	}
	while (at < size) {
		ssize_t answer = answer_check(&speaker->check, bytes + at,
					      size - at);

		if (answer == 0)
			break;
		if (answer < 0 || speaker->answered == speaker->asked ||
		    !head_is_right(speaker->conversation->head, bytes + at,
				   speaker->check.head_size))
			return -EBADMSG;
		at += (size_t)answer;
		speaker->answered++;
		answers++;
	}
	err = carry_keep(speaker, bytes + at, size - at);
	return err ? err : answers;
}

ssize_t speaker_hear(struct speaker *speaker, const char *bytes, size_t size)
{
	return speaker->conversation->http ? hear_http(speaker, bytes, size) :
					     hear_frames(speaker, bytes, size);
}
