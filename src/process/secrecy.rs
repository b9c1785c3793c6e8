//! Keeping others out of the memory of this process, which holds private keys: no core dump, and no look into it by
//! another process of the same user (`PR_SET_DUMPABLE`, `prctl(2)`).

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tracing::warn;

/// From here on nobody but root looks in. To be called before the first key is read.
pub fn forbid_dumps() {
    // The kernel refuses nothing but values that it does not know.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Does what the configuration says of dumps, now that it is known.
pub fn allow_dumps(are_allowed: bool) {
    let behavior = match are_allowed {
        true => DumpableBehavior::Dumpable,
        false => DumpableBehavior::NotDumpable,
    };
    match set_dumpable_behavior(behavior) {
        Ok(()) if are_allowed => {
            warn!("`core_dumps` is on: core dumps and debuggers get the private keys");
        }
        Ok(()) => {}
        Err(error) => warn!(%error, "core dumps cannot be switched"),
    }
}
