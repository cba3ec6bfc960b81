//! People's access tokens: until they expire or are revoked, hashed at rest.

use super::StoreError;
use model::Timestamp;
use rusqlite::{Connection, Row};
use wire::access::Role;

/// Added to every store, also to one that an older program made.
pub const TABLE: &str = "
CREATE TABLE IF NOT EXISTS people(
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, role TEXT NOT NULL, hash TEXT NOT NULL,
    created_at INTEGER NOT NULL, created_by TEXT NOT NULL, expires INTEGER NOT NULL, last_used INTEGER);
";

/// Most tokens that are kept at the same time.
pub const PEOPLE_MAX: u64 = 1_000;

/// How long an expired token is still listed, so that whoever wonders finds out why it no longer works.
const EXPIRED_KEPT_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// Tokens that expired at this time or before are not listed any more.
pub fn forgotten_before(now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_sub(EXPIRED_KEPT_MS))
}

/// A token as it is kept: its secret is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPerson {
    /// Finds the token; no secret.
    pub id: String,
    pub name: String,
    pub role: Role,
    /// As `wire::token::hash` makes it.
    pub hash: String,
    pub created_at: Timestamp,
    pub created_by: String,
    pub expires: Timestamp,
    pub last_used: Option<Timestamp>,
}

/// Why a token was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAdded {
    NameTaken,
    TooMany,
}

/// Stores a token; its name may be that of an expired one, which it replaces.
pub fn add(c: &Connection, person: &StoredPerson, now: Timestamp) -> Result<Result<(), NotAdded>, StoreError> {
    c.execute("DELETE FROM people WHERE expires <= ?1", [forgotten_before(now).0])?;
    c.execute("DELETE FROM people WHERE name = ?1 AND expires <= ?2", (&person.name, now.0))?;
    let count = |query: &str, name: &str| c.query_row(query, [name], |row| row.get::<_, u64>(0));
    if count("SELECT count(*) FROM people WHERE name = ?1", &person.name)? > 0 {
        return Ok(Err(NotAdded::NameTaken));
    }
    if count("SELECT count(*) FROM people WHERE name <> ?1", &person.name)? >= PEOPLE_MAX {
        return Ok(Err(NotAdded::TooMany));
    }
    c.execute(
        "INSERT INTO people VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL)",
        (
            &person.id,
            &person.name,
            person.role.as_str(),
            &person.hash,
            person.created_at.0,
            &person.created_by,
            person.expires.0,
        ),
    )?;
    Ok(Ok(()))
}

/// All of them by name, expired ones too.
pub fn list(c: &Connection) -> Result<Vec<StoredPerson>, StoreError> {
    let query = "SELECT id, name, role, hash, created_at, created_by, expires, last_used FROM people ORDER BY name";
    let mut statement = c.prepare_cached(query)?;
    let rows = statement.query_map([], person)?;
    Ok(rows.collect::<Result<Vec<_>, _>>()?)
}

/// Removes a token; answers whether there was one.
pub fn remove(c: &Connection, name: &str) -> Result<bool, StoreError> {
    Ok(c.execute("DELETE FROM people WHERE name = ?1", [name])? == 1)
}

/// Notes that a token was used.
pub fn used(c: &Connection, id: &str, at: Timestamp) -> Result<(), StoreError> {
    c.execute("UPDATE people SET last_used = ?2 WHERE id = ?1", (id, at.0))?;
    Ok(())
}

/// A role that this program does not know, as a newer one may have written it, is the smallest one.
fn person(row: &Row<'_>) -> rusqlite::Result<StoredPerson> {
    let role: String = row.get(2)?;
    Ok(StoredPerson {
        id: row.get(0)?,
        name: row.get(1)?,
        role: Role::ALL.into_iter().find(|known| known.as_str() == role).unwrap_or(Role::Viewer),
        hash: row.get(3)?,
        created_at: Timestamp(row.get(4)?),
        created_by: row.get(5)?,
        expires: Timestamp(row.get(6)?),
        last_used: row.get::<_, Option<u64>>(7)?.map(Timestamp),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(name: &str, expires: u64) -> StoredPerson {
        StoredPerson {
            id: format!("id-{name}-{expires}"),
            name: name.to_owned(),
            role: Role::Operator,
            hash: "h".to_owned(),
            created_at: Timestamp(1),
            created_by: "root".to_owned(),
            expires: Timestamp(expires),
            last_used: None,
        }
    }

    #[test]
    fn a_name_is_free_again_once_its_token_has_expired_or_is_gone() {
        let c = Connection::open_in_memory().unwrap();
        c.execute_batch(TABLE).unwrap();
        let now = Timestamp(10);
        assert_eq!(add(&c, &stored("ci", 20), now).unwrap(), Ok(()));
        assert_eq!(add(&c, &stored("ci", 30), now).unwrap(), Err(NotAdded::NameTaken));
        assert_eq!(add(&c, &stored("ci", 30), Timestamp(20)).unwrap(), Ok(()));
        used(&c, "id-ci-30", Timestamp(25)).unwrap();
        let all = list(&c).unwrap();
        assert_eq!((all.len(), all[0].last_used, all[0].role), (1, Some(Timestamp(25)), Role::Operator));
        assert!(remove(&c, "ci").unwrap() && !remove(&c, "ci").unwrap());
    }

    #[test]
    fn a_store_of_an_older_program_gets_the_table() {
        use crate::store::{StateDirectory, Store};
        let temp = tempfile::tempdir().unwrap();
        let open = || Store::open(StateDirectory::open(&temp.path().join("state"), "1").unwrap(), "1").unwrap();
        open().write(|c| Ok(c.execute_batch("DROP TABLE people")?)).unwrap();
        let store = open();
        store.write(|c| add(c, &stored("ci", 20), Timestamp(10))).unwrap().unwrap();
        assert_eq!(store.read(list).unwrap().len(), 1);
    }

    #[test]
    fn expired_ones_go_after_a_while_and_there_is_an_end_to_how_many_there_are() {
        let c = Connection::open_in_memory().unwrap();
        c.execute_batch(TABLE).unwrap();
        add(&c, &stored("old", 5), Timestamp(1)).unwrap().unwrap();
        add(&c, &stored("new", u64::MAX >> 1), Timestamp(EXPIRED_KEPT_MS + 5)).unwrap().unwrap();
        assert_eq!(list(&c).unwrap().len(), 1);
        for n in 1..PEOPLE_MAX {
            add(&c, &stored(&format!("n{n}"), u64::MAX >> 1), Timestamp(1)).unwrap().unwrap();
        }
        assert_eq!(add(&c, &stored("more", 50), Timestamp(1)).unwrap(), Err(NotAdded::TooMany));
    }
}
