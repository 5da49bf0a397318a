//! The binary's allocator and how it is set up. The engine, a library, sets none.
#![allow(unsafe_code)]

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Memory of freed pages goes back to the system within a second instead of ten, by a thread of jemalloc's own: table
/// pages that grow or split leave some of their old size behind, 5 bytes a key. Huge pages, where the system offers
/// them, make random reads 5 % cheaper; Redis has to do without, as they make its forks expensive, and we never fork.
// SAFETY: jemalloc reads this name as a zero-terminated string, which it is.
#[unsafe(export_name = "_rjem_malloc_conf")]
static MALLOC_CONF: Conf = Conf(c"thp:always,background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0".as_ptr());

/// A pointer to a constant.
#[repr(transparent)]
struct Conf(#[allow(dead_code, reason = "read by jemalloc")] *const std::ffi::c_char);

// SAFETY: it points to a constant.
unsafe impl Sync for Conf {}
