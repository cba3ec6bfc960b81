//! What of objects is kept equal: a set that both ends of a stream hold objects against.
//!
//! What is not kept is said as nothing on the wire (`ID_LEFT` and the like), so that no end, whatever it was told, takes
//! a value that stands for nothing for one that is meant.

use crate::meta::{ID_LEFT, MODE_LEFT, Meta, NANOS_LEFT, ObjectKind};
use model::elements::{
    preserve::{Aspect, Loss, Specials},
    replication::Replication,
};
use std::{borrow::Cow, collections::BTreeSet, io};

pub const ACL_ACCESS: &[u8] = b"system.posix_acl_access";
pub const ACL_DEFAULT: &[u8] = b"system.posix_acl_default";
/// Bits that make whoever executes a file somebody else, and their like on directories.
const SET_ID: u32 = 0o6000;

/// What is kept. Everything, unless said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Preserve(u16);

impl Preserve {
    pub const ALL: Self = Self((1 << Loss::ALL.len()) - 1);

    /// What a manifest wants kept.
    pub fn of(replication: &Replication) -> Self {
        let unwanted = Aspect::ALL.into_iter().filter(|aspect| !replication.preserve.contains(aspect)).map(loss);
        let specials = (replication.specials == Specials::Skip).then_some(Loss::Specials);
        unwanted.chain(specials).fold(Self::ALL, Self::without)
    }

    pub fn without(self, what: Loss) -> Self {
        Self(self.0 & !bit(what))
    }

    /// What is left of it where some things may be lost.
    pub fn without_all(self, losses: &BTreeSet<Loss>) -> Self {
        losses.iter().copied().fold(self, Self::without)
    }

    pub fn keeps(self, what: Loss) -> bool {
        self.0 & bit(what) != 0
    }

    /// What both keep.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What belongs to a replica itself, because it is not kept equal. Times are those of the content.
    pub fn own(self) -> Self {
        Self(Self::ALL.0 & !self.0).without(Loss::Timestamps)
    }

    /// Whether there is nothing in it that an object could have.
    pub fn is_empty(self) -> bool {
        !(self.keeps_xattrs() || self.keeps(Loss::Ownership) || self.keeps(Loss::Permissions))
    }

    /// As a number, to be remembered.
    pub fn bits(self) -> u16 {
        self.0
    }

    /// The kind behind `st_mode`, if such objects are replicated.
    pub fn kind_of(self, mode: u32) -> Option<ObjectKind> {
        ObjectKind::from_mode(mode).filter(|kind| self.keeps_kind(*kind))
    }

    pub fn keeps_kind(self, kind: ObjectKind) -> bool {
        match kind {
            ObjectKind::File | ObjectKind::Directory => true,
            ObjectKind::Symlink => self.keeps(Loss::Symlinks),
            ObjectKind::Fifo | ObjectKind::CharDevice | ObjectKind::BlockDevice => self.keeps(Loss::Specials),
        }
    }

    /// Whether any extended attribute is kept.
    pub fn keeps_xattrs(self) -> bool {
        [Loss::Acls, Loss::Xattrs, Loss::Security].into_iter().any(|what| self.keeps(what))
    }

    /// Whether an extended attribute is kept. What only root may set is left to root; other `system.` ones are not
    /// stored but computed.
    pub fn keeps_xattr(self, name: &[u8]) -> bool {
        let root = || rustix::process::geteuid().is_root();
        if name == ACL_ACCESS || name == ACL_DEFAULT {
            // They hold permissions, and setting them sets those.
            return self.keeps(Loss::Acls) && self.keeps(Loss::Permissions);
        }
        (name.starts_with(b"user.") && self.keeps(Loss::Xattrs))
            || (name.starts_with(b"trusted.") && self.keeps(Loss::Xattrs) && root())
            || (name.starts_with(b"security.") && self.keeps(Loss::Security) && root())
    }

    /// What of `meta` is kept.
    pub fn part(self, meta: &Meta) -> Cow<'_, Meta> {
        if self == Self::ALL {
            return Cow::Borrowed(meta);
        }
        let mut meta = meta.clone();
        if !self.keeps(Loss::Ownership) {
            (meta.uid, meta.gid) = (ID_LEFT, ID_LEFT);
            // Set for another owner than the one it was given for, it would make people somebody else.
            meta.mode &= !SET_ID;
        }
        if !self.keeps(Loss::Permissions) {
            meta.mode = MODE_LEFT;
        }
        if !self.keeps(Loss::Timestamps) {
            meta.mtime = (0, NANOS_LEFT);
        }
        meta.xattrs.retain(|(name, _)| self.keeps_xattr(name));
        Cow::Owned(meta)
    }

    /// Fails with `InvalidData` where such objects are not replicated.
    pub fn require_kind(self, mode: u32) -> io::Result<ObjectKind> {
        let odd = || io::Error::new(io::ErrorKind::InvalidData, "a kind of object that is not replicated");
        self.kind_of(mode).ok_or_else(odd)
    }
}

impl Default for Preserve {
    fn default() -> Self {
        Self::ALL
    }
}

fn bit(what: Loss) -> u16 {
    1 << (what as u16)
}

fn loss(aspect: Aspect) -> Loss {
    match aspect {
        Aspect::Ownership => Loss::Ownership,
        Aspect::Permissions => Loss::Permissions,
        Aspect::Acls => Loss::Acls,
        Aspect::Xattrs => Loss::Xattrs,
        Aspect::Security => Loss::Security,
        Aspect::Timestamps => Loss::Timestamps,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta() -> Meta {
        let xattrs = [ACL_ACCESS, b"security.capability", b"trusted.a", b"user.a"];
        Meta {
            kind: ObjectKind::File,
            mode: 0o6755,
            uid: 7,
            gid: 8,
            mtime: (5, 6),
            size: 9,
            rdev: 0,
            link: Vec::new(),
            xattrs: xattrs.into_iter().map(|name| (name.to_vec(), b"v".to_vec())).collect(),
        }
    }

    fn names(meta: &Meta) -> Vec<&[u8]> {
        meta.xattrs.iter().map(|(name, _)| name.as_slice()).collect()
    }

    #[test]
    fn all_of_it_is_kept_unless_something_is_left_out() {
        let wanted = Preserve::of(&Replication { specials: Specials::Replicate, ..Replication::default() });
        assert_eq!((wanted, wanted.part(&meta()).as_ref()), (Preserve::ALL, &meta()));
        assert!(matches!(Preserve::ALL.part(&meta()), Cow::Borrowed(_)));
        assert_eq!(Preserve::of(&Replication::default()), Preserve::ALL.without(Loss::Specials));
    }

    #[test]
    fn each_thing_is_left_out_alone() {
        let root = rustix::process::geteuid().is_root();
        let part = |what| Preserve::ALL.without(what).part(&meta()).into_owned();
        let owner = part(Loss::Ownership);
        assert_eq!((owner.uid, owner.gid, owner.mode), (ID_LEFT, ID_LEFT, 0o755), "nobody becomes somebody else");
        let mode = part(Loss::Permissions);
        assert_eq!((mode.mode, mode.uid), (MODE_LEFT, 7));
        assert!(!names(&mode).contains(&ACL_ACCESS), "it holds permissions");
        assert_eq!(part(Loss::Timestamps).mtime, (0, NANOS_LEFT));
        if root {
            assert_eq!(names(&part(Loss::Acls)), [b"security.capability".as_slice(), b"trusted.a", b"user.a"]);
            assert_eq!(names(&part(Loss::Xattrs)), [ACL_ACCESS, b"security.capability"]);
            assert_eq!(names(&part(Loss::Security)), [ACL_ACCESS, b"trusted.a", b"user.a"]);
        }
        for what in [Loss::Hardlinks, Loss::Sparse, Loss::Symlinks, Loss::Specials] {
            let left = part(what);
            assert_eq!((left.mode, left.uid, left.mtime, left.size), (0o6755, 7, (5, 6), 9));
        }
    }

    #[test]
    fn kinds_are_left_out() {
        let fifo = libc::S_IFIFO | 0o644;
        assert_eq!(Preserve::ALL.kind_of(fifo), Some(ObjectKind::Fifo));
        assert_eq!(Preserve::ALL.without(Loss::Specials).kind_of(fifo), None);
        assert_eq!(Preserve::ALL.kind_of(libc::S_IFSOCK), None);
        assert!(!Preserve::ALL.without(Loss::Symlinks).keeps_kind(ObjectKind::Symlink));
    }

    #[test]
    fn nothing_is_kept_of_what_both_do_not_keep() {
        let (a, b) = (Preserve::ALL.without(Loss::Acls), Preserve::ALL.without(Loss::Xattrs));
        let both = a.and(b);
        assert!(!both.keeps(Loss::Acls) && !both.keeps(Loss::Xattrs) && both.keeps(Loss::Ownership));
        assert_eq!(Preserve::ALL.without_all(&[Loss::Acls, Loss::Xattrs].into()), both);
    }
}
