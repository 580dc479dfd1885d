"""Programs `SCRIPT {scan,decode} FILE`: each does the work its own way, in its own environment, and prints JSON.

`cpu_s` and `wall_s` are medians of single runs; `packets`, `samples` and `power` (mean square modulus) prove that all
found the same. A run begins with opening the file and ends with all headers in physical units (`scan`) or, the index of
packets given, with all samples in memory (`decode`).
"""
