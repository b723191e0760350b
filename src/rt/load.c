/*
 * Load: see load.h.
 */
#include "rt/load.h"

#include "base/cpu.h"

void lend__load_end_window(struct lend_load *load, uint64_t now_ns)
{
	uint64_t span_ns = now_ns - load->began_ns;
	uint64_t used_ns = lend__cpu_time();
	/* Of a thread that has just begun, after another one of this worker, it
	 * may be anything; its first window is none. */
	uint64_t busy_ns = used_ns - load->used_ns;
	uint64_t idle_ns = busy_ns < span_ns ? span_ns - busy_ns : 0;

	if (idle_ns > load->parked_ns)
		idle_ns = load->parked_ns;
	atomic_store_explicit(&load->idle,
			      (uint32_t)(idle_ns * LEND_LOAD_WHOLE / span_ns),
			      memory_order_relaxed);
	load->began_ns = now_ns;
	load->parked_ns = 0;
	load->used_ns = used_ns;
}
