#!/usr/bin/env python3
"""Goal:   the access log has a line for each response, whoever asks, and nobody
        is held up by who reads it, or does not.
Method: a server of its own for each case; lines in a file and on a pipe.
"""
import os
import re
import sys
import threading

from harness import DEADLINE_S, Client, case, equal, main, true, wait_for


LINE = re.compile(r'(\S+) - - \[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\] '
                  r'"((?:GET|POST) [^"]*) HTTP/1\.1" (\d{3}) (\d+) '
                  r'\d+\.\d{6}')


@case
def access_log_has_a_line_for_each_response(lend):
    path = lend.path("log")
    threads, each = 8, 200
    with open(path, "w", encoding="ascii") as file:
        file.write("what was there before\n")
    with lend.serve("--demo", "--access-log", path) as server:
        def ask(number):
            with Client(server.address) as client:
                for turn in range(each):
                    client.ask("GET", f"/plaintext?{number}-{turn}")
        workers = [threading.Thread(target=ask, args=(number,))
                   for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(DEADLINE_S)
        server.get('/a"b\\c')
        server.get("/" + "x" * 7000)
        wait_for(lambda: os.path.getsize(path) > 10000, "lines while it runs")
        server.stop()
    with open(path, encoding="ascii") as file:
        lines = file.read().splitlines()
    equal(lines.pop(0), "what was there before")
    equal(len(lines), threads * each + 2)
    targets = set()
    for line in lines[:-2]:
        host, request, status, size = LINE.fullmatch(line).groups()
        true(host.startswith("127.0.0.1:"), host)
        equal((status, size), ("200", "13"))
        targets.add(request.split("?")[1])
    equal(len(targets), threads * each)
    true('"/a' not in lines[-2], lines[-2])
    true(max(map(len, lines)) < 2200, "a line is too long")


@case
def access_log_to_standard_output(lend):
    with lend.serve("--demo", "--access-log", "-") as server:
        equal(server.get("/json").status, 200)
        line = server.process.stdout.readline()
        equal(LINE.fullmatch(line.rstrip("\n")).group(2), "GET /json")
        server.stop()


@case
def a_log_that_nobody_reads_stops_nobody(lend):
    with lend.serve("--demo", "--access-log", "-") as server:
        with Client(server.address) as client:
            # 4 MiB of lines into a pipe of 64 KiB.
            for _ in range(2000):
                equal(client.ask("GET", "/plaintext?" + "x" * 2000).status,
                      200)
        server.process.stdout.read(65536)
        server.process.stdout.close()
        with Client(server.address) as client:
            for _ in range(10):
                equal(client.ask("GET", "/plaintext").status, 200)
        server.signal()
        equal(server.wait(), 0)
        true(any("were dropped" in line or "lines are lost" in line
                 for line in server.lines), str(server.lines))


if __name__ == "__main__":
    sys.exit(main())
