//! Where a thread's stack lies: a question of the standard library's alone, which this leaves open.
//!
//! It asks when a thread starts, to be able to say "has overflowed its stack" before such a thread dies. The C library
//! reads the answer from `/proc/self/maps` with `scanf`, and that is a fortieth of the executor. Without an answer
//! nothing but that line is missing: the guard page is the kernel's, and touching it still ends the process.

use nix::libc::{ENOSYS, c_int, pthread_attr_t, pthread_t};

/// Instead of the C library's own function, and answering as one may where the system cannot tell.
#[expect(unsafe_code, reason = "the name is the C library's; the function touches neither of its arguments")]
#[unsafe(no_mangle)]
extern "C" fn pthread_getattr_np(_: pthread_t, _: *mut pthread_attr_t) -> c_int {
    ENOSYS
}
