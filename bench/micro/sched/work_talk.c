/*
 * Actors that send messages of eight bytes; an operation is one message.
 *
 *  pingpong      a pair on each worker: a message there, a message back
 *  pingpong-far  one pair on two workers, pinned
 *  fan-in        many senders, one receiver
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "works.h"

static int send_value(const struct crowd_member *to, uint64_t value)
{
	return lend_tell(to->ref, 0, &value, sizeof(value));
}

static int receive_value(uint64_t *ret_value)
{
	struct lend_msg *msg;
	int err = lend_receive(LEND_FOREVER, &msg);

	if (err)
		return err;
	memcpy(ret_value, lend_msg_data(msg), sizeof(*ret_value));
	lend_msg_free(msg);
	return 0;
}

static unsigned count_pairs(unsigned workers)
{
	return 2 * workers;
}

static unsigned count_far(unsigned workers)
{
	return workers < 2 ? 0 : 2;
}

static unsigned place_pair(const struct crowd *crowd, unsigned index)
{
	return index / 2 % crowd->workers + 1;
}

static unsigned place_far(const struct crowd *crowd, unsigned index)
{
	(void)crowd;
	return index + 1;
}

static int run_pingpong(struct crowd_member *self)
{
	const struct crowd_member *other =
		&self->crowd->members[self->index ^ 1];
	uint64_t value = 0;
	int err = 0;

	if (self->index % 2 == 0)
		err = send_value(other, value);
	while (!err) {
		err = receive_value(&value);
		if (!err)
			err = send_value(other, value + 1);
		crowd_count(self);
	}
	return err;
}

const struct crowd_work crowd_pingpong = {
	.name = "pingpong",
	.help = "a pair on each worker; an operation is one message",
	.count = count_pairs,
	.place = place_pair,
	.run = run_pingpong,
};

const struct crowd_work crowd_pingpong_far = {
	.name = "pingpong-far",
	.help = "one pair, each pinned to a worker of its own",
	.count = count_far,
	.place = place_far,
	.pinned = true,
	.run = run_pingpong,
};

/* ---- fan-in ---- */

static unsigned count_fan_1(unsigned workers)
{
	(void)workers;
	return 2;
}

static unsigned count_fan_16(unsigned workers)
{
	(void)workers;
	return 17;
}

/* What was sent by each comes complete and in order. */
static int receive_all(struct crowd_member *self)
{
	uint64_t last[16] = { 0 };
	int err = 0;

	while (!err) {
		uint64_t value = 0;

		err = receive_value(&value);
		if (!err && value >> 8 != ++last[value & 15])
			abort();
		crowd_count(self);
	}
	return err;
}

static int send_all(struct crowd_member *self)
{
	const struct crowd_member *receiver = self->crowd->members;
	uint64_t number = 0;
	int err = 0;

	while (!err) {
		uint64_t value = ++number << 8 | (self->index - 1);

		err = lend_tell_wait(receiver->ref, 0, &value, sizeof(value),
				     LEND_FOREVER);
	}
	return err;
}

static int run_fan(struct crowd_member *self)
{
	return self->index ? send_all(self) : receive_all(self);
}

const struct crowd_work crowd_fan_in_1 = {
	.name = "fan-in-1",
	.help = "one sender and one receiver; an operation is one message",
	.count = count_fan_1,
	.counter = 1,
	.run = run_fan,
};

const struct crowd_work crowd_fan_in_16 = {
	.name = "fan-in-16",
	.help = "sixteen senders and one receiver",
	.count = count_fan_16,
	.counter = 1,
	.run = run_fan,
};
