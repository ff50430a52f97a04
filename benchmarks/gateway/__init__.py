"""`make bench-gateway`: the whole service under an open load, beside two queues that do less, and with many streams open."""
