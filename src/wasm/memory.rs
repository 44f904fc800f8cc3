//! Wiping what earlier calls left in the module's memory.
//!
//! Secrets wipe themselves when they are dropped, but not the copies that a move
//! leaves on the stack, nor the buffers of libraries. This module wipes those.

use std::alloc::System;

use wasm_bindgen::prelude::wasm_bindgen;
use zeroize::optimization_barrier;
use zeroizing_alloc::ZeroAlloc;

/// Wipes all memory that is freed.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// Bytes of the stack to wipe. The stack has 1 MiB; X-Wing uses 72 KiB of it, and
/// the calls of the SDK's module 6 KiB. `pkg/test/memory.test.mjs` holds that no
/// call uses half of this.
const DEPTH: usize = if cfg!(feature = "portal") {
    512 * 1024
} else {
    64 * 1024
};

/// Wipes what earlier calls left on the stack. Call it after freeing an object
/// with secrets.
#[wasm_bindgen(js_name = wipeStack)]
pub fn wipe_stack() {
    // Filled in one instruction: this runs after every short-lived object of the
    // SDK, and writing word by word takes half as long as a proof.
    let area = [0_u8; DEPTH];
    optimization_barrier(&area);
}
