//! glibc's allocator, set for a process with many of librdkafka's threads.

/// Heaps that threads share.
const ARENAS: i32 = 2;
/// So much freed memory at a heap's end is kept for the next call.
const KEPT_BYTES: i32 = 16 << 20;
/// Larger pieces come from the system and go back to it at once.
const LARGE_BYTES: i32 = 8 << 20;

/// Makes a process that opens and closes clients all day keep to its size. To be called before the first thread.
///
/// glibc gives every new thread a heap of its own, up to eight a processor. A client is half a dozen threads that free
/// what others allocated; when it is gone its heaps stay, each with a few pieces that something else still holds. And a
/// heap whose end was freed is given back and asked for again, page by page, with every large call.
///
/// Does nothing with another C library.
pub fn share_heaps() {
    #[cfg(target_env = "gnu")]
    {
        let settings = [
            (libc::M_ARENA_MAX, ARENAS),
            (libc::M_TRIM_THRESHOLD, KEPT_BYTES),
            (libc::M_MMAP_THRESHOLD, LARGE_BYTES),
        ];
        for (parameter, value) in settings {
            // A setting that it refuses stays as it was.
            // SAFETY: takes two numbers, and locks what it changes.
            let _ = unsafe { libc::mallopt(parameter, value) };
        }
    }
}
