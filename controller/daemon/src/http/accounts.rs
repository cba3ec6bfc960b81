//! Who may administer through the socket: root, the controller's own user, members of the group `standin`.
//! Accounts are looked up in the local files only; a directory service that is down can neither admit nor delay.

use std::{fs::File, io::Read};

/// The group whose members may administer.
pub const GROUP: &str = "standin";

/// Most bytes of an account file that are read.
const ACCOUNTS_BYTES_MAX: u64 = 4 << 20;

/// The process at the other end, as the kernel vouches for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    pub uid: u32,
    pub gid: u32,
}

/// The texts of `/etc/passwd` and `/etc/group`.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    users: String,
    groups: String,
}

impl Accounts {
    pub fn read() -> Self {
        Self { users: text("/etc/passwd"), groups: text("/etc/group") }
    }

    /// Whether `peer` may administer a controller that runs as `own`.
    pub fn admit(&self, peer: Peer, own: u32) -> bool {
        if peer.uid == 0 || peer.uid == own {
            return true;
        }
        let Some((gid, members)) = self.group(GROUP) else { return false };
        let Some(user) = self.user(peer.uid) else { return peer.gid == gid };
        peer.gid == gid || self.primary_group(peer.uid) == Some(gid) || members.split(',').any(|name| name == user)
    }

    /// The name of a user, or its number.
    pub fn name(&self, uid: u32) -> String {
        self.user(uid).map_or_else(|| format!("uid {uid}"), ToOwned::to_owned)
    }

    pub fn group_id(&self) -> Option<u32> {
        self.group(GROUP).map(|(gid, _)| gid)
    }

    fn user(&self, uid: u32) -> Option<&str> {
        self.users.lines().find_map(|line| (field(line, 2)?.parse() == Ok(uid)).then_some(field(line, 0)?))
    }

    fn primary_group(&self, uid: u32) -> Option<u32> {
        let line = self.users.lines().find(|line| field(line, 2).and_then(|f| f.parse().ok()) == Some(uid))?;
        field(line, 3)?.parse().ok()
    }

    fn group(&self, name: &str) -> Option<(u32, &str)> {
        let line = self.groups.lines().find(|line| field(line, 0) == Some(name))?;
        Some((field(line, 2)?.parse().ok()?, field(line, 3).unwrap_or_default()))
    }
}

fn field(line: &str, index: usize) -> Option<&str> {
    line.split(':').nth(index)
}

fn text(path: &str) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(ACCOUNTS_BYTES_MAX).read_to_end(&mut bytes));
    match read {
        Ok(_) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts {
            users: "root:x:0:0::/:\nann:x:1000:1000::/:\nbob:x:1001:1001::/:\ncy:x:1002:70::/:\n".to_owned(),
            groups: "root:x:0:\nstandin:x:70:ann,zed\nwheel:x:10:bob\n".to_owned(),
        }
    }

    #[test]
    fn root_the_own_user_and_the_group_are_admitted_and_nobody_else() {
        let cases = [(0, 0, true), (500, 500, true), (1000, 1000, true), (1002, 5, true), (1001, 70, true)];
        let refused = [(1001, 1001, false), (4242, 4242, false), (501, 0, false)];
        for (uid, gid, expected) in cases.into_iter().chain(refused) {
            assert_eq!(accounts().admit(Peer { uid, gid }, 500), expected, "{uid}:{gid}");
        }
        assert!(!Accounts::default().admit(Peer { uid: 1000, gid: 70 }, 500), "unreadable files admit nobody");
        assert_eq!((accounts().name(1000), accounts().name(9)), ("ann".to_owned(), "uid 9".to_owned()));
    }
}
