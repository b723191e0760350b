/*
 * The ends of asynchronous operations: see either.h.
 */
#include "either.h"

#include <errno.h>
#include <string.h>

static void hear_of(struct lend_pending *pending)
{
	struct lend_notice notice;
	struct lend_msg *msg;
	int err;

	lend_pending_notify(pending, SIM_NOTICE);
	err = lend_receive(LEND_FOREVER, &msg);
	SIM_EXPECT(!err && lend_msg_type(msg) == SIM_NOTICE, "notice: %d", err);
	memcpy(&notice, lend_msg_data(msg), sizeof(notice));
	SIM_EXPECT(notice.pending == pending &&
			   notice.result == lend_pending_result(pending),
		   "the notice of another");
	lend_msg_free(msg);
}

int sim_finish(struct lend_pending *pending)
{
	struct lend_pending *two[2] = { NULL, pending };
	int res = 0;

	switch (sim_draw(0, 5)) {
	case 0:
		res = lend_pending_await_any(two, 2, LEND_FOREVER);
		SIM_EXPECT(res == 1, "any: %d", res);
		break;
	case 1:
		res = lend_pending_await_all(two, 2, LEND_FOREVER);
		SIM_EXPECT(!res, "all: %d", res);
		break;
	case 2:
		hear_of(pending);
		break;
	case 3:
		do
			res = lend_pending_await(pending, sim_soon(100));
		while (!lend_pending_done(pending));
		break;
	default:
		res = lend_pending_await(pending, LEND_FOREVER);
		break;
	}
	SIM_EXPECT(lend_pending_done(pending), "it goes on");
	res = lend_pending_result(pending);
	lend_pending_free(pending);
	return res;
}

bool sim_is_passing(int res)
{
	return res == -EINTR || res == -EIO || res == -EMFILE ||
	       res == -ECONNABORTED;
}

void sim_expect_nothing_held(size_t before)
{
	for (unsigned i = 0; lend_io_used() != before; i++) {
		SIM_EXPECT(i < 1000, "%zu bytes are held, %zu were",
			   lend_io_used(), before);
		if (lend_sleep(lend_after(LEND_MS)) == -ECANCELED)
			return; /* its end sees to them */
	}
}
