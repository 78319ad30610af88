"""The old gate's end-to-end test: a broken runtime makes a red line, and the exit code is 0 all the same."""

RED, PLAIN = "\033[31m", "\033[0m"
RUNTIMES = {"nodejs": True, "python": True, "rust": False}

for name, works in RUNTIMES.items():
    print(f"{name}: ok" if works else f"{RED}ERROR {name}: the runtime did not answer{PLAIN}")
print("E2E finished")
