//! The open database.

use super::{StateDirectory, StoreError, schema};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a statement waits for a reader from outside, such as `sqlite3` in a person's hands.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// The open database, with the directory it holds.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
    /// Held for as long as the database is open; fields are dropped in this order.
    _directory: StateDirectory,
}

impl Store {
    /// Opens the database of a state directory.
    ///
    /// **Guarantees** that a committed transaction survives a power cut: write-ahead log, `synchronous = FULL`.
    ///
    /// **Errors** when its schema is newer than this program; it is not touched then.
    pub fn open(directory: StateDirectory, version: &str) -> Result<Self, StoreError> {
        let path = directory.path().join("store.sqlite");
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_NOFOLLOW;
        let mut connection = Connection::open_with_flags(&path, flags)?;
        connection.busy_timeout(BUSY_WAIT)?;
        schema::ensure(&mut connection, version)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", "ON")?;
        Ok(Self { connection: Mutex::new(connection), _directory: directory })
    }

    /// Reads; blocks for as long as another thread uses the database.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StoreError>) -> Result<T, StoreError> {
        work(&self.hold())
    }

    /// Does everything in `work` or nothing of it.
    pub fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let mut connection = self.hold();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let answer = work(&transaction)?;
        transaction.commit()?;
        Ok(answer)
    }

    /// Reads on a thread that may block.
    pub async fn reading<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = Arc::clone(self);
        tokio::task::spawn_blocking(move || store.read(work)).await.map_err(|_| StoreError::Interrupted)?
    }

    /// Writes on a thread that may block. Once called, it is carried out even if the caller goes away.
    pub async fn writing<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = Arc::clone(self);
        tokio::task::spawn_blocking(move || store.write(work)).await.map_err(|_| StoreError::Interrupted)?
    }

    /// A panic inside a transaction rolls it back, so the connection stays usable.
    fn hold(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Raises a stored counter and answers its new value.
pub fn next(connection: &Connection, counter: &str) -> Result<u64, StoreError> {
    let statement =
        "INSERT INTO counters VALUES(?1, 1) ON CONFLICT(name) DO UPDATE SET value = value + 1 RETURNING value";
    Ok(connection.query_row(statement, [counter], |row| row.get(0))?)
}

/// Reads a stored JSON text.
pub fn parse<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|source| StoreError::Content { what: what.to_owned(), source })
}

/// Writes a value as JSON text.
pub fn text<T: serde::Serialize>(what: &str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|source| StoreError::Content { what: what.to_owned(), source })
}
