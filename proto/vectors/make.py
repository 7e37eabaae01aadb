#!/usr/bin/env python3
"""Writes valid.jsonl and invalid.jsonl: examples of the protocol for every implementation's tests.

The bytes are put together here by hand, from PROTOCOL.md and the msgpack specification, and not
by the codec under test. A line: {"name", "frames": [hex], "type", "request", "fields"}, or
{"name", "frames": [hex], "error": code}. In fields, a BIN is hex, a column is an array of
integers, and an integer above 2^63-1 is a string of its digits.
"""
import json
import os

import encode
import invalid
import valid

HERE = os.path.dirname(os.path.abspath(__file__))


def write(name, rows):
    with open(os.path.join(HERE, name), "w", encoding="ascii") as out:
        for row in rows:
            out.write(json.dumps(row) + "\n")


def main():
    assert {row["type"] for row in valid.rows} == set(encode.MESSAGES), "a message has no example"
    write("valid.jsonl", valid.rows)
    write("invalid.jsonl", invalid.rows)


if __name__ == "__main__":
    main()
