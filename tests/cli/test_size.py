#!/usr/bin/env python3
"""`POST /workers` and `POST /rings` of the admin address: the service grows and
shrinks, and its clients do not notice."""
import threading

from harness import Client, case, connect, equal, main, true


def is_private(lend):
    return "private" in lend.options


class Clients:
    """Clients that ask one request after the other, and check the answers."""

    def __init__(self, server, count):
        self.answers = [0] * count
        self.errors = []
        self.stop = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(server, i))
                        for i in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, server, i):
        body = bytes(range(256)) * (20 + i)
        try:
            with Client(server.address) as client:
                while not self.stop.is_set():
                    answer = client.ask("POST", "/echo", body=body)
                    equal(answer.status, 200)
                    equal(answer.body == body, True, "the body")
                    self.answers[i] += 1
        except Exception as error:  # pylint: disable=broad-except
            self.errors.append(repr(error))

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()
        equal(self.errors, [])
        true(all(self.answers), f"answers: {self.answers}")


def change(admin, what, count):
    answer = admin.ask("POST", f"/{what}?count={count}")
    equal(answer.status, 200, answer.body)
    equal(answer["Content-Type"], "application/json")
    equal(answer.json()[what], count)
    stats = admin.ask("GET", "/stats").json()
    equal(stats[what], count)
    equal(len(stats["per_ring"]), stats["rings"])


@case
def clients_do_not_notice(lend):
    with lend.serve("--demo", "--admin", "127.0.0.1:0") as server:
        idle = [connect(server.address) for _ in range(50)]
        clients = Clients(server, 6)
        with Client(server.admin) as admin:
            for count in [4, 1, 3, 2, 5, 1]:
                change(admin, "workers", count)
                if not is_private(lend):
                    change(admin, "rings", 6 - count)
        clients.end()
        for client in idle:
            client.sendall(b"GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n")
            true(client.recv(100).startswith(b"HTTP/1.1 200 "), "idle")
            client.close()
        server.stop()


@case
def echo_clients_do_not_notice(lend):
    with lend.echo("--admin", "127.0.0.1:0") as server:
        sockets = [connect(server.address) for _ in range(20)]
        with Client(server.admin) as admin:
            for i, count in enumerate([4, 1, 3, 1]):
                change(admin, "workers", count)
                for client in sockets:
                    client.sendall(b"%d" % i)
                    equal(client.recv(10), b"%d" % i)
        for client in sockets:
            client.close()
        server.stop()


@case
def what_can_not_be_is_said(lend):
    with lend.serve("--demo", "--admin", "127.0.0.1:0",
                    "--log", "error") as server:
        with Client(server.admin) as admin:
            before = admin.ask("GET", "/stats").json()
            for target in ["/workers", "/workers?count=", "/rings?count=x",
                           "/workers?count=-1", "/workers?count=0",
                           "/rings?count=0", "/workers?count=257",
                           "/rings?count=257", "/workers?count=9999999"]:
                answer = admin.ask("POST", target)
                equal(answer.status, 400, target)
                true(answer.body.endswith(b"\n"), "a line")
            if is_private(lend):
                equal(admin.ask("POST", "/rings?count=2").status, 400)
            equal(admin.ask("GET", "/workers?count=2").status, 405)
            equal(admin.ask("POST", "/workers?count=2", headers={
                "Origin": "https://example.net"}).status, 403)
            after = admin.ask("GET", "/stats").json()
            equal(after["workers"], before["workers"])
            equal(after["rings"], before["rings"])
        with Client(server.address) as client:
            true(client.ask("POST", "/workers?count=2").status in (404, 405),
                 "the service itself")
        server.stop()


if __name__ == "__main__":
    main()
