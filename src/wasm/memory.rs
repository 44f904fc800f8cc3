//! Wiping what earlier calls left in the module's memory.
//!
//! Secrets wipe themselves when they are dropped. That does not reach the
//! copies that moving a value leaves on the stack, nor the buffers of
//! libraries; this does.

use std::alloc::System;

use wasm_bindgen::prelude::wasm_bindgen;
use zeroize::Zeroize as _;
use zeroizing_alloc::ZeroAlloc;

/// Wipes all memory that is freed.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// Bytes of the stack to wipe. The stack has 1 MiB, and no call uses this much.
const DEPTH: usize = 512 * 1024;

/// Wipes what earlier calls left on the stack. Call it after freeing an object
/// with secrets.
#[wasm_bindgen(js_name = wipeStack)]
pub fn wipe_stack() {
    // A word at a time: this runs after every short-lived object of the SDK.
    [0_u64; DEPTH / size_of::<u64>()].zeroize();
}
