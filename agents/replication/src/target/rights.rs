//! What this process may do, whatever a file system can.

use rustix::thread::{CapabilitySet, capabilities};

/// Rights that decide what a refusal says: the file system's inability, or the agent's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rights {
    /// Give files to anybody.
    pub own: bool,
    pub make_devices: bool,
    pub set_capabilities: bool,
    /// Set `trusted.*` attributes.
    pub administer: bool,
}

impl Rights {
    pub fn of_this_process() -> Self {
        let sets = capabilities(None).map(|sets| sets.effective).unwrap_or(CapabilitySet::empty());
        let outermost = sees_all_users();
        let may = |right| outermost && sets.contains(right);
        Self {
            own: may(CapabilitySet::CHOWN),
            make_devices: may(CapabilitySet::MKNOD),
            set_capabilities: may(CapabilitySet::SETFCAP),
            administer: may(CapabilitySet::SYS_ADMIN),
        }
    }
}

/// Within a user namespace of its own even root may do less. The outermost one maps every id to itself.
fn sees_all_users() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}
