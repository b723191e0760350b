package main

import (
	"fmt"
	"os"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Operations are published in bunches: an atomic store costs as much as a part
// of what is measured.
const bunch = 64

// member is what one goroutine has; of whole cache lines.
type member struct {
	crowd     *crowd
	index     int
	done      uint64
	random    uint64
	published atomic.Uint64
	shown     atomic.Uint64
	wake      chan struct{} // of one place: a wake-up may come before the park
	array     []uint64
	_         [40]byte
}

type work struct {
	name    string
	count   func(workers int) int
	prepare func(*crowd)
	run     func(*member)
	extras  func(*crowd) string
}

type crowd struct {
	work    *work
	members []member
	stop    chan struct{} // closed at the end
	stops   atomic.Bool   // the same, for those who spin
	ended   sync.WaitGroup
	slots   []atomic.Pointer[member]
	arrays  []chan []uint64
	groups  []groupState
	values  []chan uint64
	times   []chan time.Time
	lock    sync.Mutex
	spans   []int64 // since the last look
}

type slice struct {
	operations    uint64
	wallNs, cpuNs int64
	extras        string
}

func newCrowd(work *work, count int) *crowd {
	c := &crowd{work: work, members: make([]member, count), stop: make(chan struct{})}
	for i := range c.members {
		m := &c.members[i]
		m.crowd = c
		m.index = i
		m.random = 88172645463325252 + 7919*uint64(i)
		m.wake = make(chan struct{}, 1)
	}
	if work.prepare != nil {
		work.prepare(c)
	}
	return c
}

func (c *crowd) start() {
	c.ended.Add(len(c.members))
	for i := range c.members {
		m := &c.members[i]
		go func() {
			defer c.ended.Done()
			c.work.run(m)
		}()
	}
}

// end leaves those behind that wait for each other: a goroutine can not be
// cancelled, and asking in each operation whether to go on would cost. They use
// memory and no time.
func (c *crowd) end() {
	c.stops.Store(true)
	close(c.stop)
	time.Sleep(5 * time.Millisecond)
}

func clockNow(clock uintptr) int64 {
	var now syscall.Timespec
	syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clock,
		uintptr(unsafe.Pointer(&now)), 0)
	return now.Nano()
}

// cpuNow asks for the clock of each thread first: cpu_time() in
// ../sched/crowd.c says why.
func cpuNow() int64 {
	const processTime = 2 // CLOCK_PROCESS_CPUTIME_ID
	if tasks, err := os.Open("/proc/self/task"); err == nil {
		names, _ := tasks.Readdirnames(-1)
		tasks.Close()
		for _, name := range names {
			if thread, err := strconv.Atoi(name); err == nil {
				clockNow(uintptr(^uint32(thread)<<3 | 6))
			}
		}
	}
	return clockNow(processTime)
}

func (c *crowd) operations() uint64 {
	var sum uint64
	for i := range c.members {
		sum += c.members[i].published.Load()
	}
	return sum
}

func (c *crowd) look(plan plan) slice {
	operations := c.operations()
	wall := time.Now()
	cpu := cpuNow()
	for {
		time.Sleep(time.Duration(plan.sliceMs) * time.Millisecond)
		if c.operations() != operations {
			break
		}
		if time.Since(wall) > 20*time.Second {
			fmt.Fprintf(os.Stderr, "go-bench-micro: %s: nothing was done\n", c.work.name)
			os.Exit(1)
		}
	}
	result := slice{
		operations: c.operations() - operations,
		wallNs:     time.Since(wall).Nanoseconds(),
		cpuNs:      cpuNow() - cpu,
	}
	if c.work.extras != nil {
		result.extras = c.work.extras(c)
	}
	return result
}

// ---- for workloads ----

func (m *member) count() {
	m.done++
	if m.done%bunch == 0 {
		m.published.Store(m.done)
	}
}

func (m *member) countAtOnce() {
	m.done++
	m.published.Store(m.done)
}

func (m *member) next() uint64 {
	m.random ^= m.random << 13
	m.random ^= m.random >> 7
	m.random ^= m.random << 17
	return m.random
}

func (m *member) stops() bool {
	return m.crowd.stops.Load()
}

func (c *crowd) span(span time.Duration) {
	c.lock.Lock()
	c.spans = append(c.spans, span.Nanoseconds())
	c.lock.Unlock()
}

func spanExtras(c *crowd) string {
	c.lock.Lock()
	spans := c.spans
	c.spans = make([]int64, 0, 2*cap(spans))
	c.lock.Unlock()
	if len(spans) == 0 {
		return "p50_ns=0;p99_ns=0;max_ns=0"
	}
	sort.Slice(spans, func(i, j int) bool { return spans[i] < spans[j] })
	at := func(fraction float64) int64 {
		return spans[int(fraction*float64(len(spans)-1))]
	}
	return fmt.Sprintf("p50_ns=%d;p99_ns=%d;max_ns=%d", at(0.5), at(0.99), at(1))
}
