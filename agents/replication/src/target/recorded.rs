//! The batch in hand, as it is recorded in the map.

use super::map::{Map, Name, Pending, Staged, id_at, meta_at, name_at, oid_at, sql};
use crate::message::{Content, encode_meta};
use crate::meta::{ObjectKind, Oid};
use rusqlite::params;

type Result<T> = rusqlite::Result<T>;

/// `CROSS JOIN` keeps the order of the tables: the other one looks at every name of the tree for every batch.
const NAMES_OF_STAGED: &str = "
    SELECT d.parent, d.name, d.oid FROM pnode p CROSS JOIN dentry d ON d.oid = p.oid
    WHERE p.root IS NOT NULL AND d.parent > 0
      AND NOT EXISTS (SELECT 1 FROM plink l WHERE l.parent = d.parent AND l.name = d.name)
    ORDER BY d.parent, d.name";

impl Map {
    pub fn pending(&self, oid: Oid) -> Result<Option<Pending>> {
        self.one("SELECT meta, content, root, stage, inode, handle FROM pnode WHERE oid = ?", [sql(oid)], |row| {
            let root: Option<u32> = row.get(2)?;
            let staged = match root {
                Some(root) => Some(Staged { root, name: row.get(3)?, id: id_at(row, 4)? }),
                None => None,
            };
            let byte: u8 = row.get(1)?;
            let content = Content::ALL.iter().copied().find(|content| *content as u8 == byte).unwrap_or(Content::Keep);
            Ok(Pending { meta: meta_at(row, 0)?, content, staged })
        })
    }

    pub fn set_pending(&self, oid: Oid, pending: &Pending) -> Result<()> {
        let staged = pending.staged.as_ref();
        let values = params![
            sql(oid),
            encode_meta(&pending.meta),
            pending.content as u8,
            staged.map(|s| s.root),
            staged.map(|s| &s.name),
            staged.map(|s| s.id.inode as i64),
            staged.map(|s| &s.id.handle),
        ];
        self.run("INSERT OR REPLACE INTO pnode VALUES(?, ?, ?, ?, ?, ?, ?)", values).map(drop)
    }

    pub fn pending_objects(&self) -> Result<Vec<Oid>> {
        self.all("SELECT oid FROM pnode", [], |row| oid_at(row, 0))
    }

    /// What the batch says of a name; `NOTHING` when it takes the name away.
    pub fn pending_child(&self, parent: Oid, name: &[u8]) -> Result<Option<Oid>> {
        self.one("SELECT oid FROM plink WHERE parent = ? AND name = ?", params![sql(parent), name], |row| {
            oid_at(row, 0)
        })
    }

    pub fn set_pending_link(&self, name: &Name) -> Result<()> {
        let values = params![sql(name.parent), name.name, sql(name.oid)];
        self.run("INSERT OR REPLACE INTO plink VALUES(?, ?, ?)", values).map(drop)
    }

    /// Every name the batch speaks of, in a fixed order.
    pub fn pending_links(&self) -> Result<Vec<Name>> {
        self.all("SELECT parent, name, oid FROM plink ORDER BY parent, name", [], name_at)
    }

    /// Names that keep standing for an object of which a new inode is staged.
    pub fn names_of_staged(&self) -> Result<Vec<Name>> {
        self.all(NAMES_OF_STAGED, [], name_at)
    }

    /// The names an object will have once the batch is in place, in a fixed order, two at most.
    pub fn future_names(&self, oid: Oid) -> Result<Vec<Name>> {
        self.all(
            "SELECT parent, name, oid FROM plink WHERE oid = ?1
             UNION SELECT parent, name, oid FROM dentry d WHERE oid = ?1 AND parent > 0
               AND NOT EXISTS (SELECT 1 FROM plink l WHERE l.parent = d.parent AND l.name = d.name)
             LIMIT 2",
            [sql(oid)],
            name_at,
        )
    }

    /// A name that stands for the object before the batch and after it.
    pub fn keeps_a_name(&self, oid: Oid) -> Result<bool> {
        self.one(
            "SELECT 1 FROM dentry d WHERE oid = ?1
               AND (parent < 0 OR NOT EXISTS
                    (SELECT 1 FROM plink l WHERE l.parent = d.parent AND l.name = d.name AND l.oid <> ?1))
             LIMIT 1",
            [sql(oid)],
            |_| Ok(()),
        )
        .map(|found| found.is_some())
    }

    /// The kind of an object, before or after the batch.
    pub fn kind(&self, oid: Oid) -> Result<Option<ObjectKind>> {
        match self.pending(oid)? {
            Some(pending) => Ok(Some(pending.meta.kind)),
            None => Ok(self.known(oid)?.map(|known| known.meta.kind)),
        }
    }

    pub fn clear_pending(&self) -> Result<()> {
        self.db.execute_batch(
            "DELETE FROM pnode; DELETE FROM plink; DELETE FROM ppatch; DELETE FROM meta WHERE key LIKE 'pending%'",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::map::NAMES;
    use rusqlite::StatementStatus;

    #[test]
    fn a_batch_costs_what_is_in_it_and_not_what_is_in_the_tree() {
        let directory = tempfile::tempdir().unwrap();
        let map = Map::open(&directory.path().join("map.db")).unwrap();
        let plan: Vec<String> =
            map.all(&format!("EXPLAIN QUERY PLAN {NAMES_OF_STAGED}"), [], |row| row.get(3)).unwrap();
        assert!(plan.iter().any(|step| step.contains("d USING COVERING INDEX dentry_oid (oid=?")), "{plan:#?}");
    }

    #[test]
    fn statements_are_prepared_once() {
        let directory = tempfile::tempdir().unwrap();
        let map = Map::open(&directory.path().join("map.db")).unwrap();
        for oid in 9..12 {
            map.names(Oid(oid)).unwrap();
        }
        let names = map.db.prepare_cached(NAMES).unwrap();
        assert_eq!(names.get_status(StatementStatus::Run), 3);
        assert_eq!(names.get_status(StatementStatus::RePrepare), 0);
    }
}
