//! The only door to the operating system. What a system does not tell is 0 or empty, never an error.

use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;

/// The number of this process.
pub fn pid() -> u32 {
    std::process::id()
}

/// Bytes of a page of memory.
pub fn page_size() -> usize {
    rustix::param::page_size()
}

/// Bytes of this process that are in memory.
pub fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_ascii_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * page_size()
}

/// Bytes of memory of the machine.
pub fn total_memory() -> u64 {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes =
        meminfo.lines().find_map(|l| l.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse().ok());
    kilobytes.unwrap_or(0_u64) * 1024
}

/// Seconds of processor time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CpuTimes {
    /// In the kernel.
    pub system: f64,
    /// In this process's own code.
    pub user: f64,
    /// In the kernel, by children that have ended.
    pub children_system: f64,
    /// In the code of children that have ended.
    pub children_user: f64,
}

/// Processor time that the process has used.
pub fn process_times() -> CpuTimes {
    cpu_times("/proc/self/stat")
}

/// Processor time that the process's first thread has used.
pub fn main_thread_times() -> CpuTimes {
    cpu_times(&format!("/proc/self/task/{}/stat", pid()))
}

fn cpu_times(path: &str) -> CpuTimes {
    let stat = std::fs::read_to_string(path).unwrap_or_default();
    // The name of the program, in parentheses, may hold anything; the figures come after it, from the third on.
    let figures = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks_a_second = rustix::param::clock_ticks_per_second().max(1) as f64;
    let field = |n: usize| {
        let ticks = figures.split_ascii_whitespace().nth(n - 3).and_then(|f| f.parse::<f64>().ok());
        ticks.unwrap_or(0.0) / ticks_a_second
    };
    CpuTimes { user: field(14), system: field(15), children_user: field(16), children_system: field(17) }
}

/// Name, release and machine of the operating system.
pub fn os() -> String {
    let uname = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    format!("{} {} {}", text(uname.sysname()), text(uname.release()), text(uname.machine()))
}

/// Writes bytes into a file, at a place.
///
/// # Errors
/// The system's, when some of them may have been written.
pub fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

/// Reserves space on the disk for a part of a file, which is zeros until something is written, and makes the file at
/// least that long.
///
/// # Errors
/// The disk is full, or the file may not be that long.
pub fn reserve(file: &File, at: u64, len: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), at, len) {
        // Not every file system can.
        Err(rustix::io::Errno::OPNOTSUPP) => {}
        result => return result.map_err(io::Error::from),
    }
    let zeros = [0; 1 << 16];
    let end = at + len;
    for at in (at..end).step_by(zeros.len()) {
        let n = zeros.len().min(usize::try_from(end - at).unwrap_or(usize::MAX));
        write_at(file, &zeros[..n], at)?;
    }
    Ok(())
}

/// Has this thread give way to others where cores are scarce: what it does in the background is not to hold up requests.
pub fn give_way() {
    // To Linux this is the thread and not its process. If the system does not let it be, it goes on as before.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::setpriority_process(None, 10);
}

/// Lets a thread run that waits for this core, if there is one.
pub fn let_others_run() {
    std::thread::yield_now();
}

/// Digits that nobody can foresee, two for each byte, to tell one run of the program from another.
pub fn random_hex(bytes: usize) -> String {
    let mut digits = String::with_capacity(bytes * 2 + 16);
    while digits.len() < bytes * 2 {
        // The standard library seeds its hashers from the system.
        digits.push_str(&format!("{:016x}", RandomState::new().build_hasher().finish()));
    }
    digits.truncate(bytes * 2);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_answers() {
        assert!(resident_bytes() > 100 * 1024);
        assert!(total_memory() > resident_bytes() as u64);
        assert!(os().starts_with("Linux "));
        let until = std::time::Instant::now() + std::time::Duration::from_millis(60);
        while std::time::Instant::now() < until {
            std::hint::spin_loop();
        }
        let times = process_times();
        assert!(times.user + times.system > 0.0, "{times:?}");
    }

    #[test]
    fn runs_are_told_apart() {
        let (a, b) = (random_hex(20), random_hex(20));
        assert_eq!(a.len(), 40);
        assert_ne!(a, b);
        assert!(a.bytes().all(|d| d.is_ascii_hexdigit()));
    }
}
