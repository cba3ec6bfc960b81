//! Making, listing and revoking access tokens.

use crate::{
    http::Refusal,
    hub::{Hub, Severity, event},
    state::now,
    store::{
        events,
        people::{self, NotAdded, StoredPerson},
    },
};
use model::{Timestamp, names::is_name};
use wire::{
    people::{NewPerson, PersonRequest, PersonToken, PersonView},
    token::hash,
};

/// Longest life of a token: it has to be made anew once a year.
pub const TTL_SECONDS_MAX: u64 = 366 * 24 * 60 * 60;

/// Letters of an id that tell tokens apart which were made without a name.
const NAME_ID_LETTERS: usize = 6;

/// Makes a token. What is kept of it cannot be turned back into it: the answer is the only place where it stands.
pub async fn create(hub: &Hub, request: PersonRequest, by: &str) -> Result<NewPerson, Refusal> {
    let PersonRequest { name, role, ttl_seconds } = request;
    if !(1..=TTL_SECONDS_MAX).contains(&ttl_seconds) {
        return Err(Refusal::malformed("an access token lives for at least a second and at most 366 days"));
    }
    let token = PersonToken::create().map_err(|error| Refusal::failed(error.to_string()))?;
    let name = name.unwrap_or_else(|| format!("{role}-{}", &token.id[..NAME_ID_LETTERS.min(token.id.len())]));
    if !is_name(&name) {
        let message = format!("`{}` is not a name: letters a to z, digits and hyphens", name.escape_debug());
        return Err(Refusal::malformed(message));
    }
    let now = now();
    let expires = Timestamp(now.0 + ttl_seconds * 1000);
    let stored = StoredPerson {
        id: token.id.clone(),
        name: name.clone(),
        role,
        hash: hash(token.secret()),
        created_at: now,
        created_by: by.to_owned(),
        expires,
        last_used: None,
    };
    store(hub, stored, by, now).await?;
    let place = hub.api.get();
    Ok(NewPerson {
        token: token.to_string(),
        name,
        role,
        expires,
        url: place.map(|place| place.url.clone()),
        ca_fingerprint: place.filter(|place| place.pinned).map(|_| hub.pin.clone()),
    })
}

async fn store(hub: &Hub, stored: StoredPerson, by: &str, now: Timestamp) -> Result<(), Refusal> {
    let (name, role) = (stored.name.clone(), stored.role);
    let made = event(Severity::Info, "TokenCreated", format!("{by} made the access token {name}, {role}"));
    let kept = stored.clone();
    let _one_at_a_time = hub.people.changing.lock().await;
    let added = hub.store.writing(move |c| match people::add(c, &kept, now)? {
        Ok(()) => events::add(c, made).map(Ok),
        Err(reason) => Ok(Err(reason)),
    });
    match added.await? {
        Ok(made) => {
            hub.people.take(stored);
            hub.people.forget_expired(people::forgotten_before(now));
            hub.show(made);
            Ok(())
        }
        Err(NotAdded::NameTaken) => Err(Refusal::conflict(format!("there is an access token {name} already"))
            .help(format!("standin token revoke {name}  ends it; another --name leaves it as it is"))),
        Err(NotAdded::TooMany) => Err(Refusal::refused("there are too many access tokens")
            .help("standin token list  shows them; standin token revoke NAME")),
    }
}

/// All tokens by name; never their secrets.
pub async fn list(hub: &Hub) -> Result<Vec<PersonView>, Refusal> {
    let now = now();
    let stored = hub.store.reading(people::list).await?;
    Ok(stored.into_iter().map(|person| view(person, now)).collect())
}

fn view(person: StoredPerson, now: Timestamp) -> PersonView {
    let StoredPerson { name, role, created_at, created_by, expires, last_used, .. } = person;
    PersonView { name, role, created_at, created_by, expires, last_used, expired: expires <= now }
}

/// Ends a token, and with it every watch that was opened with it.
pub async fn revoke(hub: &Hub, name: &str, by: &str) -> Result<(), Refusal> {
    let missing = || {
        Refusal::missing(format!("there is no access token {}", name.escape_debug()))
            .help("standin token list  shows them all")
    };
    if !is_name(name) {
        return Err(missing());
    }
    let key = name.to_owned();
    let told = event(Severity::Info, "TokenRevoked", format!("{by} revoked the access token {name}"));
    let _one_at_a_time = hub.people.changing.lock().await;
    let removed = hub.store.writing(move |c| match people::remove(c, &key)? {
        true => events::add(c, told).map(Some),
        false => Ok(None),
    });
    let Some(told) = removed.await? else { return Err(missing()) };
    hub.people.forget(name);
    hub.show(told);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{StateDirectory, Store};
    use std::sync::Arc;
    use wire::{access::Role, identity::Authority};

    fn hub(state: &std::path::Path) -> Arc<Hub> {
        let store = Store::open(StateDirectory::open(state, "0").unwrap(), "0").unwrap();
        let authority = Authority::create().unwrap();
        Arc::new(Hub::new(Arc::new(store), authority, "pin".to_owned(), "0".to_owned(), "ctl:1".to_owned()))
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_token_that_is_revoked_in_the_moment_it_is_made_lets_nobody_in() {
        let temp = tempfile::tempdir().unwrap();
        let hub = hub(&temp.path().join("state"));
        for round in 0..300 {
            let name = format!("n{round}");
            let request = PersonRequest { name: Some(name.clone()), role: Role::Viewer, ttl_seconds: 60 };
            let own = Arc::clone(&hub);
            let made = tokio::spawn(async move { create(&own, request, "anna").await.unwrap() });
            while revoke(&hub, &name, "anna").await.is_err() {}
            let token = made.await.unwrap().token;
            assert!(hub.people.find(&token, now()).is_err(), "round {round}: revoked, and still let in");
        }
    }
}
