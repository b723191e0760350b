#!/usr/bin/env python3
"""Make a C array of a file: embed.py FILE NAME > OUTPUT."""
import sys


def main():
    path, name = sys.argv[1:]
    with open(path, "rb") as file:
        data = file.read()
    print("#include <stddef.h>\n")
    print(f"extern const char {name}[];\nextern const size_t {name}_size;\n")
    print(f"const char {name}[] = {{")
    for start in range(0, len(data), 12):
        # Octal: a byte above 127 as a number would not fit a signed char.
        print("\t" + " ".join(f"'\\{byte:03o}',"
                              for byte in data[start:start + 12]))
    print(f"}};\nconst size_t {name}_size = sizeof({name});")


if __name__ == "__main__":
    main()
