//! HyperLogLogs, with types.
