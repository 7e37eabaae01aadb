"""How each file of tests is run: test_x.py [BIN_FOLDER] [unittest's options]."""
import os
import sys
import unittest


def main():
    if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]):
        os.environ["MUSTER_BIN"] = sys.argv.pop(1)
    if "MUSTER_BIN" not in os.environ:
        sys.exit("usage: test_x.py BIN_FOLDER: where musterd, muster-worker and muster are")
    sys.dont_write_bytecode = True
    unittest.main(module="__main__", verbosity=2)
