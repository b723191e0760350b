#!/usr/bin/env python3
"""Prove that the installed library is complete, as its user would see it.

usage: check_install.py TREE BUILD

Installs the build into a temporary folder; then compiles, with nothing but
what pkg-config says, a trivial program (shared and static) and runs it, every
file of examples/, and the first whole program of README.md. These must compile
as plain C17 without a warning.
"""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

FLAGS = ["-std=c17", "-pedantic", "-Wall", "-Wextra", "-Werror"]
# What an example needs besides: packages of pkg-config.
PACKAGES = {"06_curl.c": ["lend-posix", "libcurl"]}
TRIVIAL = """\
#include <stdio.h>
#include <string.h>
#include <lend/base.h>

int main(void)
{
	puts(lend_version());
	return strcmp(lend_version(), LEND_VERSION) != 0;
}
"""
README_PROGRAM = re.compile(r"^```c\n(.*?)^```", re.M | re.S)


class Broken(Exception):
    pass


def run(*command, **options):
    done = subprocess.run(command, capture_output=True, text=True,
                          check=False, **options)
    if done.returncode != 0:
        raise Broken(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def find(folder, pattern):
    found = glob.glob(os.path.join(folder, "**", pattern), recursive=True)
    if not found:
        raise Broken(f"{pattern} is not installed")
    return found[0]


class Installed:
    def __init__(self, build, folder):
        self.folder = folder
        self.destination = os.path.join(folder, "root")
        run("meson", "install", "-C", build, "--no-rebuild", "--quiet",
            "--destdir", self.destination)
        self.library = os.path.dirname(find(self.destination, "liblend.so"))
        self.environment = dict(
            os.environ, LD_LIBRARY_PATH=self.library,
            PKG_CONFIG_PATH=os.path.dirname(find(self.destination,
                                                 "lend.pc")),
            PKG_CONFIG_SYSROOT_DIR=self.destination)

    def check_files(self, root):
        find(self.destination, "liblend.a")
        headers = os.path.dirname(find(self.destination, "lend/base.h"))
        source = os.path.join(root, "include", "lend")
        for path in glob.glob(source + "/**/*.h", recursive=True):
            name = os.path.relpath(path, source)
            if not os.path.exists(os.path.join(headers, name)):
                raise Broken(f"include/lend/{name} is not installed: add it "
                             "to include/lend/meson.build")

    def has(self, packages):
        return not packages or subprocess.run(
            ["pkg-config", "--exists", *packages], env=self.environment,
            check=False).returncode == 0

    def flags(self, *options):
        return run("pkg-config", "--cflags", "--libs", *options, "lend",
                   env=self.environment).split()

    def compile(self, name, source, *options, packages=()):
        program = os.path.join(self.folder, name)
        static = ["--static"] if "-static" in options else []
        run(os.environ.get("CC", "cc"), *FLAGS, *options, source, "-o",
            program, *self.flags(*static, *packages), env=self.environment)
        return program

    def compile_text(self, name, text, *options):
        source = os.path.join(self.folder, name + ".c")
        with open(source, "w", encoding="utf-8") as file:
            file.write(text)
        return self.compile(name, source, *options)


def check(root, build):
    with tempfile.TemporaryDirectory() as folder:
        installed = Installed(build, folder)
        installed.check_files(root)
        for name, options in (("shared", ()), ("static", ("-static",))):
            program = installed.compile_text(name, TRIVIAL, *options)
            version = run(program, env=installed.environment).strip()
            print(f"{name}: runs, version {version}")

        for path in sorted(glob.glob(os.path.join(root, "examples", "*.c"))):
            name = os.path.basename(path)
            packages = PACKAGES.get(name, [])
            if not installed.has(packages):
                print(f"examples/{name}: skipped, as there is no "
                      f"{' and '.join(packages)}")
                continue
            installed.compile("example", path, packages=packages)
            print(f"examples/{name}: compiles")

        with open(os.path.join(root, "README.md"), encoding="utf-8") as file:
            blocks = README_PROGRAM.findall(file.read())
        for block in blocks:
            if "int main" in block:
                installed.compile_text("readme", block)
                print("README.md: its first program compiles")
                break


def main():
    root, build = sys.argv[1:]
    options = json.loads(run("meson", "introspect", build, "--buildoptions"))
    sanitizers = next(option["value"] for option in options
                      if option["name"] == "b_sanitize")
    if sanitizers != "none":
        print(f"skipped: a library built with {sanitizers} is not for users")
        return 77
    try:
        check(root, build)
    except Broken as error:
        print(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
