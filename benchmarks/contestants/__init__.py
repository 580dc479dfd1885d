"""Programs `SCRIPT {scan,decode,decode-into} FILE`: each works its own way, in its own environment, and prints JSON.

`cpu_s` and `wall_s` are medians of single runs; `packets`, `samples` and `power` (mean square modulus) prove that all
found the same. A run begins with opening the file and ends with all headers in physical units (`scan`) or, the index of
packets given, with all samples in memory (`decode`: in an array of the decoder's own making; `decode-into`: in one
that the caller has, which only s1pdgs can do).
"""
