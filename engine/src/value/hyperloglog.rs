//! HyperLogLogs: estimating how many different elements there are, in Redis's own format inside of a string.
