#!/usr/bin/env python3
"""
Goal:   B13: an unmodified library, libcurl's easy interface, runs many requests
        at once on two workers: none waits for another one.
Method: a server that answers nobody before all requests have come: if any two
        of them had to wait for each other, none would ever end. Then the demo
        server, whose statistics say how many connections were open at once.

usage: test_curl.py EXAMPLE LEND [COUNT [PRELOAD]]

Where ThreadSanitizer stands in front of the shim the shim is preloaded, for the
example alone.
"""
import json
import os
import re
import resource
import selectors
import socket
import subprocess
import sys
import threading
import time
import urllib.request

TIMEOUT = 100
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"


class Barrier(threading.Thread):
    """Reads requests; when @count of them are there, answers all."""

    def __init__(self, count):
        super().__init__(daemon=True)
        self.count = count
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.listener.setblocking(False)
        self.port = self.listener.getsockname()[1]
        self.asked = []

    def run(self):
        selector = selectors.DefaultSelector()
        selector.register(self.listener, selectors.EVENT_READ)
        heads = {}
        while len(self.asked) < self.count:
            for key, _ in selector.select():
                if key.fileobj is self.listener:
                    connection, _ = self.listener.accept()
                    connection.setblocking(False)
                    heads[connection] = b""
                    selector.register(connection, selectors.EVENT_READ)
                    continue
                heads[key.fileobj] += key.fileobj.recv(4096)
                if b"\r\n\r\n" in heads[key.fileobj]:
                    selector.unregister(key.fileobj)
                    self.asked.append(key.fileobj)
        for connection in self.asked:
            connection.setblocking(True)
            connection.sendall(ANSWER)
            connection.close()
        self.listener.close()


def run(example, url, count):
    environment = dict(os.environ)
    if len(sys.argv) > 4:
        environment["LD_PRELOAD"] = sys.argv[4]
    done = subprocess.run([example, url, str(count)], timeout=TIMEOUT,
                          env=environment,
                          capture_output=True, text=True, check=False)
    print(f"{url.split('/')[-1]}: {done.stdout.strip()}")
    if done.returncode or f"{count} of {count} requests" not in done.stdout:
        print(done.stderr[:2000])
        return False
    return True


def wait_for_all(example, count):
    barrier = Barrier(count)
    barrier.start()
    fine = run(example, f"http://127.0.0.1:{barrier.port}/barrier", count)
    return fine and len(barrier.asked) == count


def ask_demo(example, lend, count):
    server = subprocess.Popen(
        [lend, "serve", "--demo", "--listen", "127.0.0.1:0",
         "--admin", "127.0.0.1:0"], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True)
    killer = threading.Timer(TIMEOUT, server.kill)
    killer.start()
    try:
        ports = []
        while len(ports) < 2:
            line = server.stdout.readline()
            if not line:
                print("the server ended")
                return False
            ports += re.findall(r"127\.0\.0\.1:(\d+)", line)
        results = []
        client = threading.Thread(target=lambda: results.append(
            run(example, f"http://127.0.0.1:{ports[0]}/sleep?ms=2000",
                count)))
        client.start()
        most = 0
        while client.is_alive():
            with urllib.request.urlopen(
                    f"http://127.0.0.1:{ports[1]}/stats") as answer:
                stats = json.load(answer)
            most = max(most, stats["connections"]["open"])
            time.sleep(0.02)
        client.join()
        print(f"at most {most} connections were open at once")
        return results == [True]
    finally:
        server.terminate()
        server.wait(TIMEOUT)
        killer.cancel()


def main():
    example, lend = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4 * count + 100:
        print(f"skipped: {hard} descriptors are not enough")
        return 77
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    fine = wait_for_all(example, count)
    fine = ask_demo(example, lend, count) and fine
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
