//! HyperLogLogs.
