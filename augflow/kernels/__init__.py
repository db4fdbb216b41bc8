"""What is done to pixels in C, where no library does it as fast or as exactly: a C file each, and its face in Python.

All of it works in whole numbers, so that every processor and compiler gives the same bytes. `build.py` compiles the
sources when augflow is installed.
"""
