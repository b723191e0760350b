/*
 * A program of a scenario about full mailboxes: actors that wait for room, give
 * up, are cancelled or left alone, while the receiver receives a little, does
 * something else, or ends. What was told is received once, in order, and nobody
 * waits when there is room.
 */
#include <errno.h>
#include <lend/mailbox.h>
#include <string.h>

#include "program.h"

#define SENDERS_MAX 4

struct sender {
	lend_ref to, self;
	uint32_t index, count;
	uint32_t told, received;
	bool is_cancelled;
};

struct mailbox {
	struct sender senders[SENDERS_MAX];
	unsigned count;
	bool ends_early;
};

static int send_all(void *arg)
{
	struct sender *self = arg;

	while (self->told < self->count) {
		uint32_t number = self->told + 1;
		uint64_t deadline = LEND_FOREVER;
		int err;

		if (sim_draw(0, 3) == 0)
			deadline = lend_after(sim_draw(0, 50) * LEND_US);
		err = lend_tell_wait(self->to, 1 + self->index, &number,
				     sizeof(number), deadline);
		if (!err) {
			self->told = number;
			continue;
		}
		if (err != -ETIMEDOUT || deadline == LEND_FOREVER)
			return err;
	}
	return 0;
}

/* False: there is none. */
static bool receive(struct mailbox *mailbox, uint64_t deadline)
{
	struct lend_msg *msg;
	struct sender *from;
	uint32_t number;
	int err = lend_receive(deadline, &msg);

	SIM_EXPECT(!err || err == -ETIMEDOUT, "receive: %d", err);
	if (err)
		return false;
	if (lend_msg_type(msg)) {
		from = &mailbox->senders[lend_msg_type(msg) - 1];
		memcpy(&number, lend_msg_data(msg), sizeof(number));
		SIM_EXPECT(number == ++from->received, "message %u after %u",
			   number, from->received - 1);
	}
	lend_msg_free(msg);
	return true;
}

/* Between receiving. */
static void digress(struct mailbox *mailbox)
{
	struct sender *sender =
		&mailbox->senders[sim_draw(0, mailbox->count - 1)];

	switch (sim_draw(0, 4)) {
	case 0:
		lend_sleep(lend_after(sim_draw(0, 30) * LEND_US));
		break;
	case 1:
		if (sim_draw(0, 3))
			break;
		sender->is_cancelled = true;
		lend_cancel(sender->self);
		break;
	default:
		lend_yield();
		break;
	}
}

static int be_full(void *arg)
{
	struct mailbox *mailbox = arg;
	unsigned rounds = sim_draw(0, 8);

	for (unsigned i = 0; i < LEND_MAILBOX_MAX; i++) {
		int err = lend_tell(lend_self(), 0, NULL, 0);

		SIM_EXPECT(!err, "tell: %d", err);
	}
	for (unsigned i = 0; i < mailbox->count; i++) {
		mailbox->senders[i].to = lend_self();
		mailbox->senders[i].self = sim_spawn(send_all,
						     &mailbox->senders[i]);
	}
	while (rounds--) {
		for (unsigned i = sim_draw(0, 40); i; i--)
			if (!receive(mailbox, LEND_NOW))
				break;
		digress(mailbox);
	}
	if (mailbox->ends_early)
		return 0;
	/* There is room for all that are left, and it is not received: who
	 * is told so must not depend on that. */
	for (unsigned i = 0; i < LEND_MAILBOX_MAX / 2; i++)
		receive(mailbox, LEND_NOW);
	for (unsigned i = 0; i < mailbox->count; i++) {
		struct sender *sender = &mailbox->senders[i];
		int value = 0;

		SIM_EXPECT(!lend_join(sender->self, LEND_FOREVER, &value) &&
				   (!value || (value == -ECANCELED &&
					       sender->is_cancelled)),
			   "a sender: %d", value);
	}
	while (receive(mailbox, LEND_NOW))
		;
	for (unsigned i = 0; i < mailbox->count; i++)
		SIM_EXPECT(mailbox->senders[i].told ==
				   mailbox->senders[i].received,
			   "told %u, received %u", mailbox->senders[i].told,
			   mailbox->senders[i].received);
	return 0;
}

int sim_program_room(void *arg)
{
	struct mailbox mailbox = { .count = sim_draw(1, SENDERS_MAX),
				   .ends_early = sim_draw(0, 2) == 0 };

	(void)arg;
	for (unsigned i = 0; i < mailbox.count; i++) {
		mailbox.senders[i].index = i;
		mailbox.senders[i].count = sim_draw(1, 60);
	}
	sim_join(sim_spawn(be_full, &mailbox), 0);
	if (!mailbox.ends_early)
		return 0;
	for (unsigned i = 0; i < mailbox.count; i++) {
		int value = 0;

		SIM_EXPECT(!lend_join(mailbox.senders[i].self, LEND_FOREVER,
				      &value) &&
				   (!value || value == -ESRCH ||
				    value == -ECANCELED),
			   "a sender: %d", value);
	}
	return 0;
}
