"""The old gate's performance test: times requests with a clock that knows whole seconds.

Usage: python performance.py URL
"""

import sys
import time
import urllib.request

REQUESTS = 5
total = 0
for _ in range(REQUESTS):
    began = int(time.time())
    urllib.request.urlopen(sys.argv[1], timeout=5).read()
    total += max(0, int(time.time()) - began)
average = total // REQUESTS
print(f"average response {average} s: {'excellent (< 0.1 s)' if average < 0.1 else 'slow'}")
