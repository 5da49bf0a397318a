//! The binary's allocator and how it is set up. The engine, a library, sets none.
#![allow(unsafe_code)]

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Pages of the table that split leave memory of their old size behind. It goes back to the system within a second
/// instead of ten, by a thread of jemalloc's own: 5 bytes a key less while a keyspace grows.
// SAFETY: jemalloc reads this name as a zero-terminated string, which it is.
#[unsafe(export_name = "_rjem_malloc_conf")]
static MALLOC_CONF: Conf = Conf(c"background_thread:true,dirty_decay_ms:1000,muzzy_decay_ms:0".as_ptr());

/// A pointer to a constant.
#[repr(transparent)]
struct Conf(#[allow(dead_code, reason = "read by jemalloc")] *const std::ffi::c_char);

// SAFETY: it points to a constant.
unsafe impl Sync for Conf {}
