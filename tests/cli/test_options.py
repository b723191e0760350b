#!/usr/bin/env python3
"""Goal:   what is wrong with a command line is said in one line that names the
        value and the remedy, before anything is started; help and version are
        complete.
Method: run the program with each mistake, compare exit status and line.
"""
import os
import resource
import socket
import subprocess
import sys

from harness import case, equal, forbid_io_uring, main, true

MISTAKES = (
    # arguments, what the line says
    ([], ["no command", "lend serve"]),
    (["serv"], ['"serv"', "did you mean `lend serve`"]),
    (["frobnicate"], ['"frobnicate"', "use serve, echo, trace or help"]),
    (["--frobnicate"], ['"--frobnicate"', "--help"]),
    (["help", "ech"], ['"ech"', "lend echo"]),
    (["serve", "--dmeo"], ['"--dmeo"', "did you mean --demo?"]),
    (["serve", "--max-conections=7"], ["did you mean --max-connections?"]),
    (["serve", "--frobnicate"], ['"--frobnicate"', "lend help serve"]),
    (["echo", "--frobnicate"], ['"--frobnicate"', "lend help echo"]),
    (["serve", "-x"], ['"-x"', "lend help serve"]),
    (["serve", "--demo=1"], ["--demo=1", "takes no value"]),
    (["serve", "--root"], ["--root", "needs a value"]),
    (["serve", "public"], ['"public"', "--root DIR"]),
    (["serve", "--workers", "abc"],
     ['--workers: "abc" is not a number from 1 to 256']),
    (["serve", "--workers", "0"], ['"0"', "from 1 to 256"]),
    (["serve", "--workers", "257"], ['"257"', "from 1 to 256"]),
    (["serve", "--workers", "-1"], ['"-1"', "from 1 to 256"]),
    (["serve", "--workers", " 1"], ['" 1"', "from 1 to 256"]),
    (["serve", "--workers", "4x"], ['"4x"', "from 1 to 256"]),
    (["serve", "--workers", ""], ['""', "from 1 to 256"]),
    (["serve", "--workers", "99999999999999999999"], ["from 1 to 256"]),
    (["serve", "--rings=0"], ["--rings", '"0"', "from 1 to 256"]),
    (["serve", "--depth", "32769"], ["--depth", "from 1 to 32768"]),
    (["serve", "--max-connections", "0"], ["--max-connections", "from 1 to"]),
    (["echo", "--drain-timeout", "1.5"], ["--drain-timeout", '"1.5"']),
    (["serve", "--mode", "privat"], ['"privat"', "borrowed, private or shared"]),
    (["serve", "--sqpoll=0"], ['--sqpoll: "0"', "from 1 to 60000"]),
    (["echo", "--sqpoll="], ["--sqpoll", "from 1 to 60000"]),
    (["serve", "--without", "membarrier,multishots"],
     ['--without: "multishots" is not a feature', "multishot, poll_first"]),
    (["echo", "--without"], ["--without", "needs a value"]),
    (["serve", "--log", "loud"], ['"loud"', "error, warning, info or debug"]),
    (["serve", "--mode", "private", "--workers", "2", "--rings", "3"],
     ["private", "--rings is 3", "--workers is 2", "borrowed or shared"]),
    (["serve", "--listen", "localhost:80"], ['"localhost:80"', "ADDR:PORT"]),
    (["serve", "--listen", "127.0.0.1:99999"], ['"127.0.0.1:99999"']),
    (["serve", "--listen", "unix:" + "x" * 108], ["107"]),
    (["serve", "--admin", "9090"], ["--admin", '"9090"', "ADDR:PORT"]),
    (["serve", "--allow-links"], ["--allow-links", "--root"]),
    (["serve", "--root", "/no/such/folder"],
     ['"/no/such/folder"', "No such file or directory", "give a folder"]),
    (["serve", "--root", "/dev/null"], ['"/dev/null"', "Not a directory"]),
    (["serve", "--access-log", "/no/such/folder/log"],
     ["--access-log", '"/no/such/folder/log"', "standard output"]),
    (["serve", "--listen", "unix:/no/such/folder/socket"],
     ["unix:/no/such/folder/socket", "--listen"]),
    (["serve", "--listen", "192.0.2.1:0"],
     ["192.0.2.1:0", "give another --listen"]),
    (["serve", "--trace", "/no/such/folder/trace"],
     ["--trace", '"/no/such/folder/trace"', "give another file"]),
    (["echo", "--trace-events", "0", "--trace", "x"],
     ["--trace-events", "from 1 to 1048576"]),
    (["serve", "--trace-events", "9"], ["--trace-events", "--admin ADDRESS"]),
    (["trace"], ["no file", "--trace FILE"]),
    (["trace", "a", "b"], ['"b"', "one file"]),
    (["trace", "--fromat", "svg", "a"], ['"--fromat"', "lend help trace"]),
    (["trace", "--format", "png", "a"], ['"png"', "chrome, svg or text"]),
    (["trace", "--from", "x", "a"], ['--from: "x"', "milliseconds"]),
    (["trace", "--to", "-1", "a"], ['--to: "-1"', "milliseconds"]),
    (["trace", "--from", "2", "--to", "1", "a"], ["--from 2", "--to 1"]),
    (["trace", "a", "--output"], ["--output", "value is missing"]),
    (["echo", "--root", "/"], ["--root", "`lend serve`", "`lend echo`"]),
    (["serve"] + ["--listen=127.0.0.1:0"] * 17, ["at most 16"]),
)


@case
def mistakes_are_one_line_and_status_2(lend):
    for arguments, words in MISTAKES:
        status, output, lines = lend.run(*arguments)
        what = " ".join(arguments)[:60]
        equal(status, 2, what)
        equal(output, "", what)
        equal(len(lines), 1, f"{what}: lines {lines}")
        true(lines[0].startswith("lend: "), lines[0])
        for word in words:
            true(word in lines[0], f"{what}: no {word!r} in {lines[0]!r}")


@case
def port_in_use_is_said(lend):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for command, option in (("serve", "--listen"), ("echo", "--listen"),
                                ("serve", "--admin"), ("echo", "--admin")):
            free = [] if option == "--listen" else ["--listen", "127.0.0.1:0"]
            status, _, lines = lend.run(command, option, address, *free)
            equal(status, 2)
            equal(lines, [f"lend: cannot listen on {address}: Address already "
                          "in use; stop the other program or give another "
                          + option])


@case
def unreadable_root_is_said(lend):
    folder = lend.path("closed")
    os.mkdir(folder, 0)
    nobody = 65534

    def drop():
        if os.getuid() == 0:
            os.chmod(lend.folder, 0o755)
            os.setgid(nobody)
            os.setuid(nobody)
    status, _, lines = lend.run("serve", "--root", folder, preexec_fn=drop)
    equal(status, 2)
    equal(lines, [f'lend: --root: cannot open "{folder}": Permission denied; '
                  "make it readable for this user, or give another folder"])


@case
def io_uring_unavailable_is_one_line_and_status_3(lend):
    for command in ("serve", "echo"):
        status, output, lines = lend.run(command, "--listen", "127.0.0.1:0",
                                         preexec_fn=forbid_io_uring)
        equal(status, 3)
        equal(output, "")
        equal(len(lines), 1, f"lines {lines}")
        for word in ("io_uring_setup", "EPERM", "seccomp", "sysctl"):
            true(word in lines[0], f"no {word} in {lines[0]}")


@case
def lack_of_addresses_is_said(lend):
    def limit():
        resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))
    if lend.run("--version", preexec_fn=limit)[0] != 0:
        print("skipped: a sanitizer needs more addresses than that")
        return
    status, _, lines = lend.run("serve", "--listen", "127.0.0.1:0",
                                "--max-connections", "50000",
                                preexec_fn=limit)
    equal(status, 1)
    true("50000 connections" in lines[-1] and "--max-connections" in lines[-1]
         and "ulimit -v" in lines[-1], f"{lines}")
    true(not any("io_uring" in line for line in lines), f"{lines}")


@case
def unknown_features_in_the_environment_are_one_line_and_status_2(lend):
    status, _, lines = lend.run(
        "serve", "--listen", "127.0.0.1:0",
        env={**os.environ, "LEND_DISABLE": "membarrier,nonsense"})
    equal(status, 2)
    equal(len(lines), 1, f"lines {lines}")
    for word in ("LEND_DISABLE", '"nonsense"', "membarrier"):
        true(word in lines[0], f"no {word} in {lines[0]}")


@case
def refused_polling_threads_are_one_line_and_status_3(lend):
    for command in ("serve", "echo"):
        status, _, lines = lend.run(command, "--listen", "127.0.0.1:0",
                                    "--sqpoll", "--without=sqpoll")
        equal(status, 3)
        equal(len(lines), 1, f"lines {lines}")
        true("--sqpoll" in lines[0] and "leave" in lines[0], lines[0])


@case
def help_is_complete_and_narrow(lend):
    for arguments in (["--help"], ["-h"], ["help"], ["help", "serve"],
                      ["help", "echo"], ["serve", "--help"],
                      ["echo", "--help"], ["help", "trace"],
                      ["trace", "--help"]):
        status, output, lines = lend.run(*arguments)
        equal((status, lines), (0, []), " ".join(arguments))
        true(output.startswith("usage: lend "), output)
        for line in output.splitlines():
            true(len(line) < 80, f"too wide: {line}")
    both = ("--listen", "--admin", "--mode", "--workers", "--rings",
            "--depth", "--sqpoll[=MS]", "--without", "--max-connections",
            "--drain-timeout", "--trace", "--trace-events", "--log",
            "--help")
    serve = ("--root", "--allow-links", "--demo", "--access-log")
    for command, options in (("serve", both + serve), ("echo", both),
                             ("trace", ("--format", "--from MS, --to",
                                        "--output", "--help"))):
        output = lend.run("help", command)[1]
        for option in options:
            true(f"\n  {option} " in output, f"{command}: {option} is missing")


@case
def version_is_told_with_the_licence(lend):
    status, output, _ = lend.run("--version")
    equal(status, 0)
    name, version = output.splitlines()[0].split()
    equal(name, "lend")
    equal(len(version.split(".")), 3)
    true("BSD-2-Clause" in output, output)


@case
def output_that_can_not_be_written_is_a_failure(lend):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([lend.program, "--help"], stdout=full,
                              check=False, timeout=10)
    equal(done.returncode, 1)


if __name__ == "__main__":
    sys.exit(main())
