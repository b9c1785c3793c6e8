//! Keeping the process to what its configuration needs of the file system, by Landlock: what may be read, which
//! programs may be started, where sockets may be made, and where logs may be written. Nothing else can be read or
//! written.
//!
//! Best effort: a kernel without it lets the gateway serve all the same, and the log says what holds. It is settled
//! before the first thread is started, since it holds for the thread that asks and for what that starts; and it cannot
//! be widened afterwards, by nobody. [Decision 013](../../docs/decisions/013-the-sandbox-is-settled-at-the-start.md)
//! says why it is drawn as it is.

use landlock::{
    ABI, Access as _, AccessFs, BitFlags, LandlockStatus, PathBeneath, PathFd, RestrictionStatus,
    Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus,
};
use tracing::{debug, info, warn};

use crate::config;

mod needs;

pub use needs::Needs;
use needs::Use;

/// What is handled of what kernels can do: everything about files, devices included (Linux 6.10). Connecting to Unix
/// sockets, which newer kernels could forbid, is not: where apps listen may change while the gateway runs.
const HANDLED: ABI = ABI::V5;

/// Tells a process that takes over that its predecessor's sandbox holds for it too.
pub(super) const INHERITED: &str = "MTLS_GATEWAY_SANDBOX";

/// What was settled at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sandbox {
    /// Whether anything is forbidden.
    pub(super) is_in_force: bool,
}

impl Sandbox {
    /// Settles it for this thread and all that it starts, and logs what came of it. To be called while there is no
    /// other thread.
    pub fn settle(configured: config::Sandbox, needs: &Needs, is_successor: bool) -> Self {
        if is_successor && std::env::var_os(INHERITED).is_some() {
            // A layer of our own could only take away, and the kernel stacks sixteen at most.
            info!("sandbox: the one of the process before holds on; only a restart draws it anew");
            return Self { is_in_force: true };
        }
        if configured == config::Sandbox::Off {
            info!("sandbox: off");
            return Self { is_in_force: false };
        }
        let is_in_force = match restrict(needs) {
            Ok(status) => log(&status, needs),
            Err(error) => {
                warn!(%error, "sandbox: none, the system refuses it");
                false
            }
        };
        Self { is_in_force }
    }
}

fn restrict(needs: &Needs) -> Result<RestrictionStatus, RulesetError> {
    let mut ruleset = Ruleset::default().handle_access(AccessFs::from_all(HANDLED))?.create()?;
    for (path, purpose) in needs.iter() {
        // What is not there cannot be allowed. If it is made later, only a restart can tell.
        let Ok(place) = PathFd::new(path) else {
            continue;
        };
        ruleset = ruleset.add_rule(PathBeneath::new(place, rights(purpose, path.is_dir())))?;
    }
    ruleset.restrict_self()
}

fn rights(purpose: Use, is_folder: bool) -> BitFlags<AccessFs> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let rights = match purpose {
        Use::Read => read,
        Use::Start => read | AccessFs::Execute,
        // Made beside its place and renamed into it; removed when it is moved.
        Use::Listen => AccessFs::MakeSock | AccessFs::RemoveFile,
        Use::Write => read | AccessFs::WriteFile | AccessFs::MakeReg,
        Use::Device => AccessFs::ReadFile | AccessFs::WriteFile,
    };
    if is_folder { rights } else { rights & AccessFs::from_file(HANDLED) }
}

/// Says what holds; whether anything does.
fn log(status: &RestrictionStatus, needs: &Needs) -> bool {
    let abi = match status.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            kernel_abi.unwrap_or(effective_abi as i32)
        }
        LandlockStatus::NotEnabled => {
            info!("sandbox: none, Landlock is switched off in this kernel");
            return false;
        }
        LandlockStatus::NotImplemented => {
            info!("sandbox: none, this kernel has no Landlock, or a container forbids it");
            return false;
        }
    };
    for (path, purpose) in needs.iter() {
        debug!(path = %path.display(), ?purpose, "sandbox: allowed");
    }
    match status.ruleset {
        RulesetStatus::FullyEnforced => {
            info!(
                landlock = abi,
                "sandbox: files are out of reach that the configuration does not need"
            );
        }
        RulesetStatus::PartiallyEnforced => info!(
            landlock = abi,
            "sandbox: files are out of reach that the configuration does not need, as far as this kernel can"
        ),
        RulesetStatus::NotEnforced => {
            info!(landlock = abi, "sandbox: none, this kernel enforces nothing of it");
            return false;
        }
    }
    true
}
