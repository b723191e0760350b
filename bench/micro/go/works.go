package main

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// ---- cycle, yield ----

const ring = 5

func runCycle(m *member) {
	first := m.index / ring * ring
	next := &m.crowd.members[first+(m.index-first+1)%ring]
	if m.index == first {
		next.wake <- struct{}{}
	}
	for !m.stops() {
		<-m.wake
		next.wake <- struct{}{}
		m.count()
	}
}

func runYield(m *member) {
	for !m.stops() {
		runtime.Gosched()
		m.count()
	}
}

// ---- churn, locality ----

const arrayWords = 2048
const arrayWrites = 100

func prepareChurn(c *crowd) {
	c.slots = make([]atomic.Pointer[member], len(c.members)/2)
}

func (m *member) takePlace() *member {
	slots := m.crowd.slots
	return slots[m.next()%uint64(len(slots))].Swap(m)
}

func runChurn(m *member) {
	for !m.stops() {
		if other := m.takePlace(); other != nil {
			other.wake <- struct{}{}
		}
		<-m.wake
		m.count()
	}
}

func prepareLocality(c *crowd) {
	prepareChurn(c)
	c.arrays = make([]chan []uint64, len(c.members))
	for i := range c.members {
		c.arrays[i] = make(chan []uint64, 1)
		c.members[i].array = make([]uint64, arrayWords)
	}
}

func (m *member) writeSome() {
	for i := uint64(0); i < arrayWrites; i++ {
		m.array[m.next()%arrayWords] += i
	}
}

func runLocality(m *member) {
	for !m.stops() {
		m.writeSome()
		if other := m.takePlace(); other != nil {
			m.crowd.arrays[other.index] <- m.array
		}
		m.array = <-m.crowd.arrays[m.index]
		m.count()
	}
}

func runLocalityOwn(m *member) {
	for !m.stops() {
		m.writeSome()
		if other := m.takePlace(); other != nil {
			other.wake <- struct{}{}
		}
		<-m.wake
		m.count()
	}
}

// ---- transfer ----

const group = 20

type groupState struct {
	epoch atomic.Uint64
	_     [120]byte
}

func prepareTransfer(c *crowd) {
	c.groups = make([]groupState, len(c.members)/group)
	for i := range c.groups {
		c.groups[i].epoch.Store(group)
		c.members[i*group].shown.Store(group)
	}
}

func (m *member) lead(epoch uint64, parked bool) {
	first := m.index / group * group
	others := m.crowd.members[first : first+group]
	for i := range others {
		for &others[i] != m && others[i].shown.Load() < epoch {
			if m.stops() {
				return
			}
		}
	}
	m.countAtOnce()
	m.crowd.groups[m.index/group].epoch.Store(epoch + 1)
	for i := range others {
		if parked && &others[i] != m {
			others[i].wake <- struct{}{}
		}
	}
}

func (m *member) transfer(parked bool) {
	state := &m.crowd.groups[m.index/group]
	for !m.stops() {
		epoch := state.epoch.Load()
		m.shown.Store(epoch)
		if epoch%group == uint64(m.index%group) {
			m.lead(epoch, parked)
		} else if parked {
			<-m.wake
		} else {
			runtime.Gosched()
		}
	}
}

func runTransferYield(m *member) { m.transfer(false) }
func runTransferPark(m *member)  { m.transfer(true) }

// ---- spawn ----

const many = 100

func runSpawn(m *member) {
	for !m.stops() {
		done := make(chan struct{})
		go func() { close(done) }()
		<-done
		m.count()
	}
}

func runSpawnMany(m *member) {
	for !m.stops() {
		var group sync.WaitGroup
		group.Add(many)
		for i := 0; i < many; i++ {
			go group.Done()
		}
		group.Wait()
		for i := 0; i < many; i++ {
			m.count()
		}
	}
}

// ---- talk ----

func prepareTalk(c *crowd) {
	c.values = make([]chan uint64, len(c.members))
	for i := range c.values {
		c.values[i] = make(chan uint64)
	}
}

func runPingpong(m *member) {
	mine, others := m.crowd.values[m.index], m.crowd.values[m.index^1]
	if m.index%2 == 0 {
		others <- 0
	}
	for !m.stops() {
		value := <-mine
		others <- value + 1
		m.count()
	}
}

func runPingpongFar(m *member) {
	runtime.LockOSThread()
	runPingpong(m)
}

func prepareFan(c *crowd) {
	// As many as a mailbox holds.
	c.values = []chan uint64{make(chan uint64, 1024)}
}

func runFan(m *member) {
	mailbox := m.crowd.values[0]
	var last [16]uint64
	for number := uint64(1); !m.stops(); number++ {
		if m.index > 0 {
			mailbox <- number<<8 | uint64(m.index-1)
			continue
		}
		value := <-mailbox
		last[value&15]++
		if value>>8 != last[value&15] {
			panic("messages of one sender came in another order")
		}
		m.count()
	}
}

// ---- wake ----

const pause = 100 * time.Microsecond

// Computing for about a microsecond.
const steps = 400

func prepareWake(c *crowd) {
	c.times = []chan time.Time{make(chan time.Time, 1)}
}

func runWake(m *member) {
	times := m.crowd.times[0]
	for !m.stops() {
		if m.index == 0 {
			time.Sleep(pause)
			times <- time.Now()
			<-m.wake
			continue
		}
		then := <-times
		m.crowd.span(time.Since(then))
		m.countAtOnce()
		m.crowd.members[0].wake <- struct{}{}
	}
}

func runWait(m *member) {
	for !m.stops() {
		for i := 0; i < steps; i++ {
			m.next()
		}
		begin := time.Now()
		runtime.Gosched()
		m.crowd.span(time.Since(begin))
		m.countAtOnce()
	}
}

// ---- timers ----

const halfMinute = 30 * time.Second
const timers = 10000

func nothing() {}

func runTimer(m *member) {
	for !m.stops() {
		time.AfterFunc(halfMinute, nothing).Stop()
		m.count()
	}
}

func runTimerMove(m *member) {
	mine := make([]*time.Timer, timers)
	for i := range mine {
		mine[i] = time.AfterFunc(halfMinute, nothing)
	}
	for !m.stops() {
		mine[m.next()%timers].Reset(halfMinute)
		m.count()
	}
	for i := range mine {
		mine[i].Stop()
	}
}

func runSleep(m *member) {
	for !m.stops() {
		begin := time.Now()
		time.Sleep(time.Millisecond)
		m.crowd.span(time.Since(begin) - time.Millisecond)
		m.countAtOnce()
	}
}
