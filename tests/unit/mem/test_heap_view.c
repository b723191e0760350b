/*
 * The kernel's own view of the I/O heaps: the same memory, other rights. What
 * hardened builds make of it is in tests/api/test_held.c.
 */
#include "mem/heap.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAGE LEND_PAGE_SIZE

static struct lend_heap_range range;
static struct lend_heap heap;
static int pipe_fds[2];

static void setup(void)
{
	cr_assert_eq(lend__heap_range_init(&range, 2, 0, 0), 0);
	cr_assert_eq(lend__heap_range_split(&range), 0);
	lend__heap_init(&heap, &range, 1, NULL, 0, 0);
	cr_assert_eq(pipe(pipe_fds), 0);
}

static void teardown(void)
{
	lend__heap_free_all(&heap);
	lend__heap_fini(&heap);
	lend__heap_range_fini(&range);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static char *take(size_t size)
{
	void *span = NULL;

	cr_assert_eq(lend__heap_alloc(&heap, size, &span), 0);
	return span;
}

/* Asked of the kernel, so that no fault is needed. */
static bool can_read(const char *address)
{
	char byte;

	if (write(pipe_fds[1], address, 1) != 1) {
		cr_assert_eq(errno, EFAULT);
		return false;
	}
	cr_assert_eq(read(pipe_fds[0], &byte, 1), 1);
	return true;
}

static bool can_write(char *address)
{
	char keep = 'x';

	cr_assert_eq(write(pipe_fds[1], &keep, 1), 1);
	if (read(pipe_fds[0], address, 1) == 1)
		return true;
	cr_assert_eq(errno, EFAULT);
	cr_assert_eq(read(pipe_fds[0], &keep, 1), 1);
	return false;
}

/* Goal: what one view writes the other reads, whichever is open. */
Test(heap_view, both_views_are_the_same_memory, .init = setup, .fini = teardown)
{
	char *span = take(2 * PAGE), *kernel;
	struct lend_heap_hold hold;

	memset(span, 1, 2 * PAGE);
	kernel = lend__heap_range_close(&range, span, 2 * PAGE, true, &hold);
	cr_assert_neq(kernel, span);
	cr_expect_eq(hold.count, 2);
	cr_expect_not(can_read(span));
	cr_expect_not(can_read(span + 2 * PAGE - 1));
	cr_expect_eq(kernel[PAGE], 1);
	memset(kernel, 2, 2 * PAGE);
	lend__heap_range_open(&range, hold);
	for (int i = 0; i < 2 * PAGE; i++)
		cr_assert_eq(span[i], 2);
	cr_expect(can_write(span));
}

/* Goal: what the kernel only reads can be read by all, and written by none. */
Test(heap_view, what_is_sent_can_be_read, .init = setup, .fini = teardown)
{
	char *span = take(PAGE);
	struct lend_heap_hold hold;

	memset(span, 3, PAGE);
	lend__heap_range_close(&range, span, PAGE, false, &hold);
	cr_expect(can_read(span));
	cr_expect_not(can_write(span));
	lend__heap_range_open(&range, hold);
	cr_expect(can_write(span));
}

/* Goal: a page of which a part belongs to something else stays open; so does
 * memory that is in no heap. */
Test(heap_view, whole_pages_only, .init = setup, .fini = teardown)
{
	char *span = take(4 * PAGE), *kernel;
	struct lend_heap_hold hold;
	char other[2];

	memset(span, 4, 4 * PAGE);
	kernel = lend__heap_range_close(&range, span + 1, 3 * PAGE, true,
					&hold);
	cr_expect_neq(kernel, span + 1);
	cr_expect_eq(hold.count, 2);
	cr_expect(can_write(span + PAGE - 1));
	cr_expect_not(can_read(span + PAGE));
	cr_expect_not(can_read(span + 3 * PAGE - 1));
	cr_expect(can_write(span + 3 * PAGE));
	kernel[0] = 9;
	cr_expect_eq(span[1], 9);
	lend__heap_range_open(&range, hold);

	cr_expect_eq(lend__heap_range_close(&range, span + 1, PAGE, true,
					    &hold),
		     span + 1);
	cr_expect_eq(hold.count, 0);
	lend__heap_range_open(&range, hold);
	cr_expect_eq(lend__heap_range_close(&range, other, 2, true, &hold),
		     other);
	cr_expect_eq(lend__heap_range_close(&range, NULL, SIZE_MAX, true,
					    &hold),
		     NULL);
	cr_expect_eq(hold.count, 0);
}

/* Goal: pages of the file behind the views go back to the system by a trim,
 * and come back as zeros. */
Test(heap_view, trim_gives_memory_back, .init = setup, .fini = teardown)
{
	unsigned char pages[2 << 20 >> 12];
	char *span = take(2 << 20);
	unsigned resident = 0;

	memset(span, 5, 2 << 20);
	cr_assert_eq(mincore(span, 2 << 20, pages), 0);
	cr_expect_eq(pages[100] & 1, 1);
	lend__heap_free(&heap, span);
	lend__heap_trim(&heap);
	cr_assert_eq(mincore(span, 2 << 20, pages), 0);
	for (unsigned i = 0; i < sizeof(pages); i++)
		resident += pages[i] & 1;
	cr_expect_eq(resident, 0);
	cr_expect_eq(take(2 << 20), span);
	cr_expect_eq(span[12345], 0);
}

/* Goal: with one view nothing is closed. */
Test(heap_view, one_view_stays_open)
{
	struct lend_heap_range single;
	struct lend_heap_hold hold;
	char *address;

	cr_assert_eq(lend__heap_range_init(&single, 1, 0, 0), 0);
	address = single.base + PAGE;
	cr_expect_eq(lend__heap_range_close(&single, address, PAGE, true,
					    &hold),
		     address);
	cr_expect_eq(hold.count, 0);
	address[0] = 1;
	lend__heap_range_fini(&single);
}

/* ---- what the kernel refuses ---- */

/* Lower a limit of this process, which is the test's own. */
static void limit(int resource, rlim_t value)
{
	struct rlimit now;

	cr_assert_eq(getrlimit(resource, &now), 0);
	now.rlim_cur = value;
	cr_assert_eq(setrlimit(resource, &now), 0);
}

/* Addresses that this process has. */
static rlim_t mapped_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long pages = 0;

	cr_assert_not_null(file);
	cr_assert_eq(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	return (rlim_t)pages * PAGE;
}

static struct lend_heap_range unsplit;
static int next_fd;

static void make_unsplit(void)
{
	cr_assert_eq(lend__heap_range_init(&unsplit, 2, 0, 0), 0);
	unsplit.base[5] = 'x';
	next_fd = dup(0);
	close(next_fd);
}

/* What was there is there, and no descriptor is left. */
static void check_unsplit(void)
{
	int fd = dup(0);

	cr_expect_eq(fd, next_fd);
	close(fd);
	cr_expect_null(unsplit.kernel_base);
	cr_expect_eq(unsplit.base[5], 'x');
	lend__heap_range_fini(&unsplit);
}

/* Goal: without a descriptor there is one view, as before. */
Test(heap_view, no_descriptor_no_split)
{
	struct rlimit before;

	make_unsplit();
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit(RLIMIT_NOFILE, 0);
	cr_expect_eq(lend__heap_range_split(&unsplit), -EMFILE);
	limit(RLIMIT_NOFILE, before.rlim_cur);
	check_unsplit();
}

/* Goal: nor without room for the file. */
Test(heap_view, no_room_no_split)
{
	make_unsplit();
	signal(SIGXFSZ, SIG_IGN);
	limit(RLIMIT_FSIZE, PAGE);
	cr_expect_eq(lend__heap_range_split(&unsplit), -EFBIG);
	limit(RLIMIT_FSIZE, RLIM_INFINITY);
	check_unsplit();
}

/* Goal: nor without addresses for a second view; and when the second is there,
 * and can not be put in the first one's place, it goes again. */
Test(heap_view, no_addresses_no_split)
{
	rlim_t before;

	make_unsplit();
	before = mapped_bytes();
	limit(RLIMIT_AS, before + PAGE);
	cr_expect_eq(lend__heap_range_split(&unsplit), -ENOMEM);
	limit(RLIMIT_AS, RLIM_INFINITY);

	/* No mapping begins there. */
	unsplit.base += 1;
	cr_expect_eq(lend__heap_range_split(&unsplit), -EINVAL);
	unsplit.base -= 1;
	cr_expect_leq(mapped_bytes(), before + PAGE);
	check_unsplit();
}

/* As many mappings as one process may have; 0: it may have too many. */
static unsigned mappings_max(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	unsigned max = 0;

	if (file) {
		if (fscanf(file, "%u", &max) != 1)
			max = 0;
		fclose(file);
	}
	return max <= 200000 ? max : 0;
}

/* Goal: a span that can not be closed, as there are too many mappings, stays
 * open, and the kernel works on it where it is. Meanwhile nothing else is done
 * that could need one. */
Test(heap_view, one_that_can_not_be_closed_stays_open, .init = setup,
     .fini = teardown)
{
	unsigned max = mappings_max();
	char *span = take(4 * PAGE), *pages, *kernel;
	struct lend_heap_hold hold = { 1, 1 };
	size_t i = 0;
	ssize_t written;

	if (!max)
		cr_skip("vm.max_map_count is more than this test can use up");
	memset(span, 6, 4 * PAGE);
	pages = mmap(NULL, (size_t)max * PAGE, PROT_NONE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	cr_assert_neq(pages, MAP_FAILED);
	/* Every second page another one's neighbour. */
	while (i < max && !mprotect(pages + i * PAGE, PAGE, PROT_READ))
		i += 2;
	kernel = lend__heap_range_close(&range, span + PAGE, PAGE, true, &hold);
	written = write(pipe_fds[1], span + PAGE, 1);
	cr_assert_eq(munmap(pages, (size_t)max * PAGE), 0);
	cr_assert_lt(i, max);
	cr_expect_eq(kernel, span + PAGE);
	cr_expect_eq(hold.count, 0);
	cr_expect_eq(written, 1);
	lend__heap_range_open(&range, hold);

	cr_expect_neq(lend__heap_range_close(&range, span + PAGE, PAGE, true,
					     &hold),
		      span + PAGE);
	cr_expect_eq(hold.count, 1);
	lend__heap_range_open(&range, hold);
}
