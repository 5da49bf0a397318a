//! What `/proc` says about a process: its CPU time, its resident memory and its children.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// The CPU time of the process and all its threads so far, in user and kernel mode.
///
/// Two sources, each a lower bound. The scheduler's own count is exact to the nanosecond but forgets threads that ended;
/// the process's sum remembers them but is cut to clock ticks. The larger is the better one.
pub fn cpu_time(pid: u32) -> Result<Duration> {
    let by_process = ticks_of(pid)?;
    Ok(scheduler_sum(pid, 0).map_or(by_process, |by_thread| by_thread.max(by_process)))
}

/// How long the threads the process has now have stood ready to run without a core; nothing if the kernel does not say.
pub fn waited(pid: u32) -> Duration {
    scheduler_sum(pid, 1).unwrap_or_default()
}

/// Resident memory of the process, in bytes.
pub fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).context("reading a server's memory")?;
    parse_kilobytes(&status, "VmRSS:").context("no VmRSS in /proc/PID/status")
}

/// Its resident memory and that which its children do not share with it, in bytes: the copies a fork leads to.
pub fn resident_with_children(pid: u32) -> Result<u64> {
    Ok(resident(pid)? + children(pid).into_iter().filter_map(private).sum::<u64>())
}

/// The processes that any of its threads has started and that are still there.
fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

/// The memory that only this process has; nothing if it has ended.
fn private(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    parse_kilobytes(&text, "Private_Dirty:")
}

/// The sum over threads of a field of the scheduler's account: 0 is time on a core, 1 time waiting for one. `None` on
/// kernels built without it.
fn scheduler_sum(pid: u32, field: usize) -> Option<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        nanos += text.split_whitespace().nth(field)?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(nanos))
}

fn ticks_of(pid: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("reading a server's CPU time")?;
    let ticks = parse_ticks(&stat).context("no CPU time in /proc/PID/stat")?;
    Ok(Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64))
}

/// User and system time of a `stat` line. The program's name comes second, in brackets, and may hold anything.
fn parse_ticks(stat: &str) -> Option<u64> {
    let after_name = &stat[stat.rfind(')')? + 1..];
    let mut fields = after_name.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

fn parse_kilobytes(text: &str, field: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(field))?;
    Some(line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_stat_line_whose_name_has_brackets_and_spaces() {
        let stat = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 120 34 0 0 20 0";
        assert_eq!(parse_ticks(stat), Some(154));
    }

    #[test]
    fn reads_resident_memory() {
        let text = "Name:\tx\nVmRSS:\t    1234 kB\nRssAnon:\t 1 kB\n";
        assert_eq!(parse_kilobytes(text, "VmRSS:"), Some(1234 * 1024));
        assert_eq!(parse_kilobytes("Name:\tx\n", "VmRSS:"), None);
    }

    #[test]
    fn reads_this_very_process() -> Result<()> {
        let pid = std::process::id();
        assert!(resident(pid)? > 100_000);
        cpu_time(pid)?;
        Ok(())
    }
}
