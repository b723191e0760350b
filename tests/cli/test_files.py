#!/usr/bin/env python3
"""Goal:   files are served whole, in parts or not at all, exactly as HTTP has
        it, and nothing outside the root is ever served.
Method: a folder with everything that can be in one; targets sent byte by byte
        as an attacker would.
"""
import email.utils
import hashlib
import os
import random
import re
import socket
import sys
import threading
import time

from harness import (DEADLINE_S, Client, case, connect, equal, main, true,
                     wait_for)

SECRET = b"the secret"


def make_site(lend):
    """The root, with a secret beside it."""
    root = lend.path("root")
    for folder in ("sub", "empty", ".git", ".well-known", "sp ace"):
        os.makedirs(os.path.join(root, folder))
    for name, content in {
            "index.html": b"<p>home", "a.txt": b"text", "none": b"x",
            "sub/index.html": b"<p>sub", "empty.css": b"", ".hidden": SECRET,
            ".git/config": SECRET, ".well-known/x.json": b"{}",
            "sp ace/f\xc3\xbc.js".encode("latin-1").decode("utf-8"): b"js",
            "ten": b"0123456789", "../secret": SECRET}.items():
        with open(os.path.join(root, name), "wb") as file:
            file.write(content)
    os.symlink("a.txt", os.path.join(root, "inside"))
    os.symlink("../secret", os.path.join(root, "outside"))
    os.symlink(lend.path("secret"), os.path.join(root, "absolute"))
    os.symlink("..", os.path.join(root, "up"))
    os.symlink("loop", os.path.join(root, "loop"))
    os.symlink("/proc/self/cwd", os.path.join(root, "magic"))
    os.symlink("nowhere", os.path.join(root, "dangling"))
    os.mkfifo(os.path.join(root, "fifo"))
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(os.path.join(root, "sock"))
    return root


@case
def types_and_lengths(lend):
    expected = {
        "/": (200, "text/html; charset=utf-8", b"<p>home"),
        "/index.html": (200, "text/html; charset=utf-8", b"<p>home"),
        "/a.txt": (200, "text/plain; charset=utf-8", b"text"),
        "/none": (200, "application/octet-stream", b"x"),
        "/sub/": (200, "text/html; charset=utf-8", b"<p>sub"),
        "/empty.css": (200, "text/css; charset=utf-8", b""),
        "/.well-known/x.json": (200, "application/json", b"{}"),
        "/sp%20ace/f%c3%bc.js": (200, "text/javascript; charset=utf-8",
                                 b"js"),
        "/inside": (200, "application/octet-stream", b"text"),
        "/a.txt?query=/../x": (200, "text/plain; charset=utf-8", b"text"),
        "/sub/../a.txt": (200, "text/plain; charset=utf-8", b"text"),
    }
    with lend.serve("--root", make_site(lend)) as server:
        with Client(server.address) as client:
            for target, (status, kind, body) in expected.items():
                answer = client.ask("GET", target)
                equal(answer.status, status, target)
                equal(answer["Content-Type"], kind, target)
                equal(answer["Content-Length"], str(len(body)), target)
                equal(answer.body, body, target)
                head = client.ask("HEAD", target)
                equal(head.status, status, target)
                equal(head["Content-Length"], str(len(body)), target)
                equal(head["ETag"], answer["ETag"], target)
                equal(head.body, b"", target)
        server.stop()


@case
def what_is_not_there_is_refused(lend):
    expected = {
        "/nothing": 404, "/nothing/": 404, "/sub/nothing": 404,
        "/a.txt/": 404, "/a.txt/b": 404, "/empty/": 403,
        "/.hidden": 404, "/.git/config": 404, "/.git/": 404,
        "/.well-known/.x": 404, "/sub/.x": 404, "/dangling": 404,
        "/loop": 404, "/fifo": 403, "/sock": 403,
        "/" + "x" * 300: 404, "/" + "x/" * 2500: 404,
    }
    with lend.serve("--root", make_site(lend)) as server:
        with Client(server.address) as client:
            for target, status in expected.items():
                answer = client.ask("GET", target)
                equal(answer.status, status, target[:40])
                true(answer.body, target[:40])
            for method in ("POST", "PUT", "DELETE", "OPTIONS"):
                answer = client.ask(method, "/a.txt")
                equal(answer.status, 405, method)
                equal(answer["Allow"], "GET, HEAD", method)
        server.stop()


def attacks():
    """Ways out of a folder that servers have fallen for."""
    for depth in (1, 2, 3, 8):
        for up in ("../", "%2e%2e/", "..%2f", "%2e%2e%2f", ".%2e/", "%2E./",
                   "..%5c", "..\\", "%252e%252e%252f", "..%c0%af",
                   "%c0%ae%c0%ae/", "..;/", "....//", "./../", "sub/../../",
                   "..%00/", "..%2f/", "/../", "%2f../", "up/", "up/./"):
            for name in ("secret", "etc/passwd", "root/../secret",
                         "secret%00.txt"):
                yield "/" + up * depth + name
    for name in ("outside", "absolute", "up/secret", "up/root/a.txt",
                 "magic/secret", "magic/etc/passwd", "//etc/passwd",
                 "%2fetc%2fpasswd", "/secret%2f", "sub/../up/secret",
                 ".git%2fconfig", "%2egit/config", "%2ehidden",
                 "sub/../.hidden", "sub%2f..%2f.git%2fconfig"):
        yield "/" + name
    for absolute in ("http://test/../secret", "http://test/up/secret",
                     "http://test/%2e%2e/secret"):
        yield absolute


@case
def nothing_outside_the_root_is_served(lend):
    with lend.serve("--root", make_site(lend)) as server:
        count = 0
        for target in attacks():
            # A connection each: some are answered by closing it.
            answer = server.get(target)
            true(answer.status in (301, 400, 403, 404),
                 f"{target}: {answer.status}")
            true(SECRET not in answer.body and b"root:" not in answer.body,
                 target)
            count += 1
        true(count > 300, "too few attacks")
        equal(server.get("/outside").status, 403)
        equal(server.get("/absolute").status, 403)
        server.stop()


@case
def links_out_of_the_root_are_followed_if_allowed(lend):
    with lend.serve("--root", make_site(lend), "--allow-links") as server:
        for target in ("/outside", "/absolute", "/up/secret"):
            answer = server.get(target)
            equal((answer.status, answer.body), (200, SECRET), target)
        # Links may lead out, a target may not.
        for target in ("/../secret", "/%2e%2e/secret", "/..%2fsecret",
                       "/sub/..%2f..%2fsecret", "/magic/secret"):
            true(server.get(target).status in (400, 403, 404), target)
        server.stop()


@case
def folders_get_their_slash(lend):
    expected = {
        "/sub": "/sub/", "/sub?a=b&c": "/sub/?a=b&c",
        "//sub": "/sub/", "///sub": "/sub/", "/sp%20ace": "/sp%20ace/",
        "/%2f/sub": "/sub/",
    }
    with lend.serve("--root", make_site(lend)) as server:
        for target, location in expected.items():
            answer = server.get(target)
            # "//sub" may also be refused: it must not lead to a host "sub".
            if answer.status == 301:
                equal(answer["Location"], location, target)
            else:
                true(target not in ("/sub", "/sub?a=b&c", "/sp%20ace"),
                     f"{target}: {answer.status}")
        server.stop()


@case
def conditions_are_obeyed(lend):
    root = make_site(lend)
    os.utime(os.path.join(root, "ten"), (1700000000, 1700000000))
    with lend.serve("--root", root) as server:
        with Client(server.address) as client:
            first = client.ask("GET", "/ten")
            modified = first["Last-Modified"]
            equal(modified, "Tue, 14 Nov 2023 22:13:20 GMT")
            etag = first["ETag"]
            true(re.fullmatch(r'"[^"]+"', etag), etag)

            def status(**headers):
                headers = {name.replace("_", "-"): value
                           for name, value in headers.items()}
                answer = client.ask("GET", "/ten", headers=headers)
                if answer.status == 304:
                    equal(answer.body, b"")
                    equal(answer["ETag"], etag)
                return answer.status
            later = email.utils.formatdate(time.time(), usegmt=True)
            earlier = email.utils.formatdate(1699999999, usegmt=True)
            equal(status(If_Modified_Since=modified), 304)
            equal(status(If_Modified_Since=later), 304)
            equal(status(If_Modified_Since=earlier), 200)
            equal(status(If_Modified_Since="Tuesday, 14-Nov-23 22:13:20 GMT"),
                  304)
            equal(status(If_Modified_Since="Tue Nov 14 22:13:20 2023"), 304)
            equal(status(If_Modified_Since="yesterday"), 200)
            equal(status(If_None_Match=etag), 304)
            equal(status(If_None_Match="W/" + etag), 304)
            equal(status(If_None_Match='"x,y", ' + etag), 304)
            equal(status(If_None_Match="*"), 304)
            equal(status(If_None_Match='"other"'), 200)
            equal(status(If_None_Match=etag.strip('"')), 200)
            # The tag decides, not the date.
            equal(status(If_None_Match='"x"', If_Modified_Since=later), 200)
            with open(os.path.join(root, "ten"), "ab") as file:
                file.write(b"more")
            equal(status(If_None_Match=etag), 200)
        server.stop()


@case
def ranges_are_cut_out(lend):
    root = make_site(lend)
    os.utime(os.path.join(root, "ten"), (1700000000, 1700000000))
    parts = {
        "bytes=0-0": "0", "bytes=2-4": "234", "bytes=7-": "789",
        "bytes=-3": "789", "bytes=-99": "0123456789", "bytes=5-99": "56789",
        "bytes=0-99999999999999999999999": "0123456789", "Bytes=1-1": "1",
    }
    wholes = ("bytes=0-1,3-4", "bytes=", "bytes=-", "bytes=a-b", "lines=1-2",
              "bytes=5-2", "bytes 0-1", "bytes=1", "bytes= 1-2")
    unsatisfiable = ("bytes=10-", "bytes=10-11", "bytes=-0",
                     "bytes=99999999999999999999999-")
    with lend.serve("--root", root) as server:
        with Client(server.address) as client:
            def ask(value, **more):
                headers = {"Range": value}
                headers.update({name.replace("_", "-"): text
                                for name, text in more.items()})
                return client.ask("GET", "/ten", headers=headers)
            for value, part in parts.items():
                answer = ask(value)
                equal((answer.status, answer.body), (206, part.encode()),
                      value)
                start = "0123456789".index(part)
                equal(answer["Content-Range"],
                      f"bytes {start}-{start + len(part) - 1}/10", value)
            for value in wholes:
                answer = ask(value)
                equal((answer.status, answer.body), (200, b"0123456789"),
                      value)
            for value in unsatisfiable:
                answer = ask(value)
                equal(answer.status, 416, value)
                equal(answer["Content-Range"], "bytes */10", value)
            whole = client.ask("GET", "/ten")
            equal(whole["Accept-Ranges"], "bytes")
            for value, status in ((whole["ETag"], 206), ('"other"', 200),
                                  ("W/" + whole["ETag"], 200),
                                  (whole["Last-Modified"], 206),
                                  ("Tue, 14 Nov 2023 22:13:21 GMT", 200)):
                equal(ask("bytes=1-2", If_Range=value).status, status, value)
            head = client.ask("HEAD", "/ten", headers={"Range": "bytes=1-2"})
            equal(head.status, 200)
        server.stop()


@case
def big_files_take_little_memory(lend):
    root = make_site(lend)
    size = 100 << 20
    block = random.randbytes(1 << 20)
    digest = hashlib.sha256()
    with open(os.path.join(root, "big"), "wb") as file:
        for _ in range(100):
            file.write(block)
            digest.update(block)
    with lend.serve("--root", root) as server:
        got = []

        def download():
            with Client(server.address) as client:
                got.append(client.ask("GET", "/big").body)
        threads = [threading.Thread(target=download) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(DEADLINE_S * 2)
        equal([len(body) for body in got], [size, size])
        for body in got:
            equal(hashlib.sha256(body).digest(), digest.digest())
        tail = server.get("/big", headers={"Range": "bytes=-100000"})
        true(tail.body == block[-100000:], "the range is another")
        rss = server.rss_max_kib()
        true(rss < 60 << 10, f"{rss} KiB for a file of 100 MiB")
        server.stop()


@case
def a_file_without_an_end_leaves_room(lend):
    """One worker sends a file that nobody sees the end of, as fast as its
    client takes it, and serves others all the while."""
    root = make_site(lend)
    with open(os.path.join(root, "endless"), "wb") as file:
        file.truncate(1 << 42)
    over = threading.Event()
    got = []

    def download(connection):
        while not over.is_set() and (part := connection.recv(1 << 20)):
            got.append(len(part))
    options = ["--root", root, "--workers", "1"]
    if "--rings" not in lend.options:
        options += ["--rings", "1"]
    with lend.serve(*options) as server, connect(server.address) as fast:
        fast.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        reader = threading.Thread(target=download, args=(fast,))
        reader.start()
        try:
            with Client(server.address) as client:
                for _ in range(50):
                    before = len(got)
                    equal(client.ask("GET", "/ten").body, b"0123456789")
                    # The other one goes on, too.
                    wait_for(lambda: len(got) > before, "more of the file")
        finally:
            over.set()
            reader.join(DEADLINE_S)
        fast.close()
        server.stop()


@case
def a_file_that_shrinks_closes_the_connection(lend):
    root = make_site(lend)
    path = os.path.join(root, "big")
    with open(path, "wb") as file:
        file.truncate(64 << 20)
    with lend.serve("--root", root) as server:
        with connect(server.address) as connection:
            connection.sendall(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
            got = len(connection.recv(65536))
            os.truncate(path, 1 << 20)
            while part := connection.recv(1 << 20):
                got += len(part)
        true(got < 64 << 20, f"{got} bytes though the file was cut")
        equal(server.get("/big").status, 200)
        server.stop()


@case
def files_come_and_go_while_they_are_asked_for(lend):
    root = make_site(lend)
    path = os.path.join(root, "moving")
    done = threading.Event()

    def move():
        while not done.is_set():
            with open(path + ".new", "wb") as file:
                file.write(b"whole")
            os.rename(path + ".new", path)
            os.unlink(path)
    mover = threading.Thread(target=move)
    with lend.serve("--root", root) as server:
        mover.start()
        try:
            with Client(server.address) as client:
                for _ in range(500):
                    answer = client.ask("GET", "/moving")
                    true(answer.status in (200, 404), str(answer.status))
                    if answer.status == 200:
                        equal(answer.body, b"whole")
        finally:
            done.set()
            mover.join(DEADLINE_S)
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
