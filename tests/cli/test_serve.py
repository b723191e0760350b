#!/usr/bin/env python3
"""Goal:   `lend serve` does what its options say, at its limits and at its end
        as well.
Method: a server of its own for each case, asked by clients that know exactly
        what has to come back.
"""
import fcntl
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

from harness import (DEADLINE_S, Client, addresses_of, case, connect, equal,
                     main, true, wait_for, wait_for_sleep)


@case
def the_built_in_page_is_there(lend):
    with lend.serve() as server:
        with Client(server.address) as client:
            page = client.ask("GET", "/")
            equal((page.status, page["Content-Type"]),
                  (200, "text/html; charset=utf-8"))
            true(b"without-demo" in page.body, "not the page without demo")
            true(b"{{" not in page.body, "a word was not replaced")
            equal(client.ask("HEAD", "/")["Content-Length"],
                  str(len(page.body)))
            equal(client.ask("GET", "/nothing").status, 404)
            equal(client.ask("GET", "/plaintext").status, 404)
            answer = client.ask("DELETE", "/")
            equal((answer.status, answer["Allow"]), (405, "GET, HEAD"))
            true("per_ring" in client.ask("GET", "/stats").json(), "stats")
        server.stop()


@case
def demo_routes_answer(lend):
    with lend.serve("--demo") as server:
        with Client(server.address) as client:
            answer = client.ask("GET", "/plaintext")
            equal((answer.status, answer["Content-Type"], answer.body),
                  (200, "text/plain", b"Hello, World!"))
            answer = client.ask("GET", "/json")
            equal(answer["Content-Type"], "application/json")
            equal(answer.json(), {"message": "Hello, World!"})
            answer = client.ask("POST", "/echo", body=b"hello")
            equal((answer.status, answer.body), (200, b"hello"))
            equal(client.ask("POST", "/echo").body, b"")
            answer = client.ask("GET", "/echo")
            equal((answer.status, answer["Allow"]), (405, "POST"))
            for route, name in (("/sleep", "ms"), ("/spin", "us")):
                equal(client.ask("GET", f"{route}?{name}=1").status, 200)
                for query in ("", f"?{name}=", f"?{name}=x", f"?{name}=-1",
                              f"?{name}=99999999999999999999", "?x=1"):
                    equal(client.ask("GET", route + query).status, 400, query)
            true(b"with-demo" in client.ask("GET", "/").body, "no demo")
        server.stop()


def echo_stream(address, chunks, head, frame):
    """Send and receive at once; the body's digest that came back."""
    with Client(address) as client:
        def send():
            client.socket.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\n"
                                  + head + b"\r\n\r\n")
            for chunk in chunks:
                client.socket.sendall(frame(chunk))
            client.socket.sendall(frame(b""))
        sender = threading.Thread(target=send)
        sender.start()
        answer = client.receive()
        sender.join(DEADLINE_S)
        equal(answer.status, 200)
        return len(answer.body), hashlib.sha256(answer.body).digest()


@case
def echo_streams_any_length(lend):
    chunks = [random.randbytes(random.randrange(1, 200000))
              for _ in range(500)]
    size = sum(map(len, chunks))
    digest = hashlib.sha256(b"".join(chunks)).digest()
    with lend.serve("--demo") as server:
        sized = echo_stream(server.address, chunks,
                            b"Content-Length: %d" % size, bytes)
        equal(sized, (size, digest))
        chunked = echo_stream(
            server.address, chunks, b"Transfer-Encoding: chunked",
            lambda chunk: b"%x\r\n%b\r\n" % (len(chunk), chunk))
        equal(chunked, (size, digest))
        rss = server.rss_max_kib()
        true(rss < 50 << 10, f"{rss} KiB for a body of {size >> 20} MiB")
        server.stop()


@case
def sleeping_holds_nobody_up(lend):
    with lend.serve("--demo", "--drain-timeout", "0") as server:
        # Nobody would wait so long for the answer of the other one.
        for_ever = [Client(server.address) for _ in range(50)]
        for client in for_ever:
            client.send("GET", f"/sleep?ms={10 * DEADLINE_S * 1000}")
        with Client(server.address) as other:
            equal(other.ask("GET", "/plaintext").status, 200)
        clients = [Client(server.address) for _ in range(50)]
        start = time.monotonic()
        for client in clients:
            client.send("GET", "/sleep?ms=300")
        for client in clients:
            equal(client.receive().body, b"slept 300 ms\n")
            client.socket.close()
        seconds = time.monotonic() - start
        true(0.3 <= seconds < 15, f"50 sleeps of 0.3 s took {seconds} s")
        for client in for_ever:
            client.socket.close()
        server.stop()


@case
def spinning_is_survived(lend):
    with lend.serve("--demo", "--admin", "127.0.0.1:0") as server:
        with Client(server.address) as spinner:
            start = time.monotonic()
            spinner.send("GET", "/spin?us=300000")
            for _ in range(20):
                equal(server.get("/plaintext").status, 200)
            equal(spinner.receive().status, 200)
            seconds = time.monotonic() - start
            true(0.3 <= seconds < 20, f"{seconds} s")
            # It is counted at the next safe point of its worker, which may
            # come after the answer.
            with Client(server.admin) as admin:
                wait_for(lambda: admin.ask("GET", "/stats").json()["stalls"]
                         ["longest_ms"] >= 300, "the stall to be counted")
                stalls = admin.ask("GET", "/stats").json()["stalls"]
            true(stalls["count"] >= 1 and
                 stalls["longest_ms"] <= stalls["total_ms"], f"{stalls}")
            # The watchdog looks after a second, and may itself be late.
            for _ in range(10):
                spinner.ask("GET", "/spin?us=1500000")
                with Client(server.admin) as admin:
                    stalls = admin.ask("GET", "/stats").json()["stalls"]
                if stalls["computing"]:
                    break
            true(stalls["computing"], f"{stalls}")
        server.stop()


RING_FIELDS = {"submissions", "enters", "completions", "in_flight", "loans"}
FIELDS = {
    "version", "service", "uptime_s", "draining", "mode", "workers", "rings",
    "depth", "features", "total", "per_ring", "waits", "helped", "waiting",
    "wait_ms", "claims", "overflows", "refused", "actors", "messages",
    "resubmitted", "parks", "wakes", "flushes", "stalls", "blocking", "heap",
    "stacks", "buffers", "series", "connections", "requests", "responses", "bytes"}


@case
def admin_tells_plausible_numbers(lend):
    count = 200
    with lend.serve("--demo", "--admin", "127.0.0.1:0") as server:
        with Client(server.address) as client:
            for _ in range(count):
                client.ask("GET", "/plaintext")
            client.ask("GET", "/sleep")
            client.ask("GET", "/favicon.ico")
            with Client(server.admin) as admin:
                equal(admin.ask("GET", "/healthz").body, b"ok\n")
                equal(admin.ask("GET", "/plaintext").status, 404)
                equal(admin.ask("POST", "/stats").status, 405)
                # So many that they have memory of the heap while it answers.
                many = {f"X-Field-{i}": "x" for i in range(50)}
                answer = admin.ask("GET", "/stats", headers=many)
                equal(answer["Content-Type"], "application/json")
                check_stats(answer.json(), count)
                later = admin.ask("GET", "/stats").json()
        true(later["total"]["submissions"] >
             answer.json()["total"]["submissions"], "no progress")
        server.stop()


def check_loans(loans):
    equal(set(loans), {"granted", "recalled", "seized", "returned", "why"})
    for name, counts in loans["why"].items():
        equal(sum(counts.values()), loans[name], name)


def check_stats(stats, count):
    equal(set(stats), FIELDS)
    equal(set(stats["total"]), RING_FIELDS)
    equal(len(stats["per_ring"]), stats["rings"])
    for ring in stats["per_ring"]:
        equal(set(ring), RING_FIELDS | {"ring", "holder"})
        check_loans(ring["loans"])
    equal(set(stats["claims"]), {"revoked", "bound", "external"})
    equal(set(stats["actors"]), {"alive", "spawned", "switches", "steals",
                                  "steals_far",
                                  "next_hits", "queue_overflows",
                                  "budget_yields"})
    heap = stats["heap"]
    equal(set(heap), {"held", "held_peak", "slices", "trims", "trimmed",
                      "refusals", "returns", "zombies"})
    # A connection with many fields holds something, and nobody was refused.
    true(0 < heap["held"] <= heap["held_peak"], f"heap {heap}")
    true(heap["held"] >= 2048 * heap["slices"] > 0, f"heap {heap}")
    equal((heap["refusals"], heap["zombies"]), (0, 0))
    equal(stats["connections"],
          {"open": 1, "accepted": 1, "accept_errors": 0})
    equal(stats["requests"], count + 2)
    equal(stats["responses"],
          {"1xx": 0, "2xx": count, "3xx": 0, "4xx": 2, "5xx": 0})
    true(stats["bytes"]["sent"] > count * 100, "bytes sent")
    true(stats["bytes"]["received"] > count * 30, "bytes received")
    true(stats["actors"]["alive"] >= 3, "actors")
    total = stats["total"]
    true(total["submissions"] > count, "submissions")
    true(total["completions"] > count, "completions")
    true(total["in_flight"] < 100, "in flight")
    true("submit_all" in stats["features"], "features")
    equal(set(stats["flushes"]), {"empty", "rounds", "actors", "sqes"})
    true(stats["flushes"]["empty"] > 0, "flushes")
    equal(set(stats["stalls"]), {"count", "total_ms", "longest_ms",
                                 "computing", "blocked", "kicks"})
    for name in ("submissions", "enters", "completions"):
        parts = sum(ring[name] for ring in stats["per_ring"])
        true(parts >= total[name], f"{name}: {parts} of {total[name]}")


@case
def masked_features_are_not_in_use(lend):
    with lend.serve("--admin", "127.0.0.1:0", "--log", "info", "--without",
                    "submit_all,buffer_rings", "--without=multishot") as server:
        with Client(server.admin) as admin:
            features = admin.ask("GET", "/stats").json()["features"]
        with Client(server.address) as client:
            equal(client.ask("GET", "/").status, 200)
        true("poll_first" in features, f"{features}")
        true(not {"submit_all", "buffer_rings", "multishot"} & set(features),
             f"{features}")
        server.stop()
    lines = "\n".join(server.lines)
    true("features in use: " + ", ".join(features) + "\n" in lines, lines)
    true("masked: submit_all, buffer_rings, multishot" in lines, lines)


@case
def polling_threads_serve_and_sleep(lend):
    with lend.serve("--admin", "127.0.0.1:0", "--sqpoll=5") as server:
        with Client(server.admin) as admin:
            true("sqpoll" in admin.ask("GET", "/stats").json()["features"],
                 "not in use")
        with Client(server.address) as client:
            for _ in range(20):
                equal(client.ask("GET", "/").status, 200)
                time.sleep(0.02)
        server.stop()


def is_turned_away(address):
    try:
        connect(address).close()
    except (ConnectionRefusedError, ConnectionResetError):
        return True
    return False


@case
def drain_finishes_the_request_in_flight(lend):
    with lend.serve("--demo", "--admin", "127.0.0.1:0",
                    "--drain-timeout", "60") as server:
        with Client(server.address) as busy, Client(server.address) as idle, \
                Client(server.admin) as admin:
            equal(idle.ask("GET", "/plaintext").status, 200)
            received = admin.ask("GET", "/stats").json()["bytes"]["received"]
            # Half of it: it is not over before we say so.
            busy.socket.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\n"
                                b"Content-Length: 5\r\n\r\nhel")
            wait_for(lambda: admin.ask("GET", "/stats").json()["bytes"]
                     ["received"] > received, "the request")
            server.signal()
            equal(idle.socket.recv(1), b"", "an idle connection stays open")
            answer = admin.ask("GET", "/healthz")
            equal((answer.status, answer.body), (503, b"draining\n"))
            # Who comes before the door is closed is still taken, and answered
            # as one of the last; there is an end to that while it drains.
            wait_for(lambda: is_turned_away(server.address), "a closed door")
            busy.socket.sendall(b"lo")
            answer = busy.receive()
            equal((answer.status, answer.body), (200, b"hello"))
        equal(server.wait(), 0)
        equal(len(server.lines), 2, str(server.lines))
        true("SIGTERM" in server.lines[1], server.lines[1])


@case
def drain_timeout_ends_what_is_left(lend):
    with lend.serve("--demo", "--drain-timeout", "1",
                    "--admin", "127.0.0.1:0") as server:
        with Client(server.address) as client, Client(server.admin) as admin:
            client.send("GET", "/sleep?ms=60000")
            wait_for(lambda: admin.ask("GET", "/stats").json()["bytes"]
                     ["received"], "the request")
            start = time.monotonic()
            server.signal(signal.SIGINT)
            equal(server.wait(), 0)
            seconds = time.monotonic() - start
            true(0.9 < seconds < 20, f"{seconds} s")


@case
def a_second_signal_ends_at_once(lend):
    for request in ("/sleep?ms=60000", "/spin?us=60000000"):
        with lend.serve("--demo", "--drain-timeout", "60") as server:
            clients = [Client(server.address) for _ in range(16)]
            for client in clients:
                client.send("GET", request)
            time.sleep(0.3)
            # Two of one kind could become one, if they came at a time.
            server.signal(signal.SIGINT)
            server.signal(signal.SIGTERM)
            equal(server.wait(), 128 + signal.SIGTERM)
            # What the first one started may say so after it.
            equal(server.lines[-2:].count("lend: second signal: ended at once"),
                  1)
            for client in clients:
                client.socket.close()


@case
def sigquit_says_who_waits_for_what(lend):
    """Also when every worker is stuck, and the service goes on."""
    with lend.serve("--demo", "--admin", "127.0.0.1:0") as server:
        def has_said(*words, since=0):
            return any(all(word in line for word in words)
                       for line in list(server.lines)[since:])

        def asked(*words, since=0):
            server.signal(signal.SIGQUIT)
            return has_said(*words, since=since)

        # One that nobody disturbs: who accepts the connections below may have
        # got one of them, and wait for a worker.
        accepts = "actor ", "waits for accept", " for ", "spawned in"
        wait_for(lambda: asked(*accepts), "who waits for a connection")
        clients = [Client(server.address) for _ in range(16)]
        for client in clients:
            client.send("GET", "/spin?us=60000000")
        wait_for(lambda: asked("worker ", "it runs"), "a stuck worker")
        since = len(server.lines)
        wait_for(lambda: asked(*accepts, since=since), "the report")
        true(has_said("operations in flight"), str(server.lines))
        server.signal(signal.SIGINT)
        server.signal(signal.SIGTERM)
        server.wait()
        for client in clients:
            client.socket.close()


@case
def standard_error_that_nobody_reads_stops_nobody(lend):
    """Neither a report, nor a line of the log, nor what is said at the end."""
    out, into = os.pipe()
    fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, 4096)
    process = subprocess.Popen(
        [lend.program, "serve", *lend.options, "--demo", "--listen",
         "127.0.0.1:0"], stdin=subprocess.DEVNULL, stderr=into)
    try:
        with open(out, encoding="utf-8") as lines:
            line = next(line for line in lines if "ing on " in line)
            address = addresses_of(line.rstrip("\n"))[0][0]
            # Of its own, so that the server's end goes on to block.
            end = os.open(f"/proc/self/fd/{into}", os.O_WRONLY | os.O_NONBLOCK)
            try:
                while True:
                    os.write(end, b"x")
            except BlockingIOError:
                os.close(end)
            # The watchdog complains.
            with Client(address) as client:
                equal(client.ask("GET", "/spin?us=1500000").status, 200)
            process.send_signal(signal.SIGQUIT)
            process.send_signal(signal.SIGTERM)
            equal(process.wait(DEADLINE_S), 0)
    finally:
        process.kill()
        process.wait()
        os.close(into)


@case
def all_kinds_of_addresses(lend):
    path = lend.path("socket")
    listen = ["127.0.0.1:0", "unix:" + path]
    if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"):
        listen.append("[::1]:0")
    with lend.serve("--demo", listen=listen) as server:
        equal(len(server.addresses), len(listen))
        for address in server.addresses:
            with Client(address) as client:
                equal(client.ask("GET", "/plaintext").status, 200)
        # Somebody listens there: the file is not taken away from him.
        status, _, lines = lend.run("serve", "--listen", "unix:" + path)
        equal(status, 2)
        true("Address already in use" in lines[0], lines[0])
        server.stop()
    true(not os.path.exists(path), "the socket's file is still there")


@case
def a_stale_unix_socket_is_replaced(lend):
    path = lend.path("socket")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(path)
    with lend.serve("--demo", listen=["unix:" + path]) as server:
        equal(server.get("/plaintext").status, 200)
        server.stop()


@case
def more_connections_than_allowed_wait(lend):
    with lend.serve("--demo", "--max-connections", "2") as server:
        first, second = Client(server.address), Client(server.address)
        equal(first.ask("GET", "/plaintext").status, 200)
        equal(second.ask("GET", "/plaintext").status, 200)
        with Client(server.address) as third:
            third.send("GET", "/plaintext")
            third.socket.settimeout(0.3)
            try:
                true(not third.socket.recv(1), "three at once")
                raise AssertionError("the third was closed")
            except TimeoutError:
                pass
            third.socket.settimeout(DEADLINE_S)
            first.socket.close()
            equal(third.receive().status, 200)
        second.socket.close()
        server.stop()


@case
def lack_of_descriptors_is_survived(lend):
    with lend.serve("--demo", nofile=64) as server:
        clients = [Client(server.address) for _ in range(150)]
        for client in clients:
            client.send("GET", "/plaintext")
        answered = 0
        for client in clients:
            client.socket.settimeout(2 if answered else DEADLINE_S)
            try:
                equal(client.receive().status, 200)
                answered += 1
            except TimeoutError:
                break
        true(answered > 20, f"only {answered} were served")
        true(answered < 64, f"{answered} with 64 descriptors")
        for client in clients[:answered]:
            client.socket.close()
        # Each that goes makes room for one that waits.
        clients[answered].socket.settimeout(DEADLINE_S)
        equal(clients[answered].receive().status, 200)
        for client in clients[answered:]:
            client.socket.close()
        wait_for(lambda: server.get("/plaintext").status == 200, "recovery")
        server.stop()


@case
def idle_connections_wake_nobody(lend):
    """K6, P3: nothing is polled: neither workers nor who watches over them."""
    with lend.serve("--demo") as server:
        clients = [Client(server.address) for _ in range(100)]
        for client in clients:
            equal(client.ask("GET", "/plaintext").status, 200)
        wait_for_sleep(server)
        # It only sleeps.
        for client in clients:
            equal(client.ask("GET", "/plaintext").status, 200)
        for client in clients:
            client.__exit__(None, None, None)
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
