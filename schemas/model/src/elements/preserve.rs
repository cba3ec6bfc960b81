//! What of an object is kept, and what a replica may be without.

use serde::{Deserialize, Serialize};

/// What of files and directories is kept, besides name, kind and content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Aspect {
    /// Owner and group, as numbers. Without it files belong to the agent's user, and none is setuid or setgid.
    Ownership,
    /// Who may read, write and execute. Without it what is new is for its owner alone.
    Permissions,
    /// POSIX access lists, those of directories for what is new in them too. Needs `permissions`.
    Acls,
    /// Extended attributes `user.*` and, where both agents are root, `trusted.*`.
    Xattrs,
    /// Extended attributes `security.*`, where both agents are root: file capabilities, SELinux labels.
    Security,
    /// When the content was last changed. Without it that is when it was replicated.
    Timestamps,
}

impl Aspect {
    pub const ALL: [Self; 6] =
        [Self::Ownership, Self::Permissions, Self::Acls, Self::Xattrs, Self::Security, Self::Timestamps];
}

/// Whether fifos and device nodes are replicated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Specials {
    /// They are, device nodes where the agent is root. Whoever controls the source then makes device nodes at the replica.
    Replicate,
    /// They are left out, and counted.
    #[default]
    Skip,
}

/// What a replica's file system may be without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Loss {
    /// Owner and group of files.
    Ownership,
    /// Who may read, write and execute.
    Permissions,
    /// POSIX access lists.
    Acls,
    /// Extended attributes of users and of root.
    Xattrs,
    /// Extended attributes of the system: file capabilities, SELinux labels.
    Security,
    /// Times as exact as the source has them; they are set as well as it goes.
    Timestamps,
    /// Hard links: each name is a copy, and what somebody puts in its place there is overwritten.
    Hardlinks,
    /// Holes in files: they take room as zeros.
    Sparse,
    /// Symbolic links: they are left out.
    Symlinks,
    /// Fifos and device nodes: they are left out.
    Specials,
}

impl Loss {
    pub const ALL: [Self; 10] = [
        Self::Ownership,
        Self::Permissions,
        Self::Acls,
        Self::Xattrs,
        Self::Security,
        Self::Timestamps,
        Self::Hardlinks,
        Self::Sparse,
        Self::Symlinks,
        Self::Specials,
    ];

    /// As written in a manifest.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ownership => "ownership",
            Self::Permissions => "permissions",
            Self::Acls => "acls",
            Self::Xattrs => "xattrs",
            Self::Security => "security",
            Self::Timestamps => "timestamps",
            Self::Hardlinks => "hardlinks",
            Self::Sparse => "sparse",
            Self::Symlinks => "symlinks",
            Self::Specials => "specials",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_lost_is_called_as_it_is_written() {
        for loss in Loss::ALL {
            assert_eq!(serde_json::to_value(loss).unwrap(), loss.as_str());
        }
    }
}
