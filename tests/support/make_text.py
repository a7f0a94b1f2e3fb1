"""Writes a deterministic text with the given number of bytes: words over a small alphabet, and some characters that only few
lines use, so that some embedding rows are needed by some samples only.

usage: make_text.py FILE BYTES
"""
import sys


def main():
    path, size = sys.argv[1], int(sys.argv[2])
    state = 12345

    def draw(bound):
        nonlocal state
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (state >> 33) % bound

    words = ["".join("etaoinshrdlu"[draw(12)] for _ in range(1 + draw(7))) for _ in range(60)]
    text = ""
    line = 0
    while len(text) < size:
        line += 1
        text += " ".join(words[draw(len(words)) * draw(len(words)) // len(words)] for _ in range(3 + draw(9)))
        text += " XYZQ#%&@"[draw(9)] + ".\n" if line % 17 == 0 else ".\n"
    with open(path, "w") as file:
        file.write(text[:size])


main()
