//! How hosts are shown.

use super::board::Board;
use crate::hub::Hub;
use model::view::HostView;

/// Looks at every host again and shows those that have changed. A later `last_seen` alone is no news.
pub fn show_hosts(hub: &Hub, board: &mut Board) {
    let (keys, seen) = (hub.keys(), hub.roster.seen());
    let mut changed = Vec::new();
    for name in board.hosts.keys() {
        let seen = seen.get(name).cloned().unwrap_or_default();
        let key = keys.get(name).cloned();
        let version = Some(seen.status.version).filter(|version| !version.is_empty());
        let (joined, connected, last_seen) = (key.is_some(), seen.connected, seen.last_seen);
        let view = HostView { joined, connected, last_seen, version, key };
        let before = board.host_views.insert(name.clone(), view.clone());
        if before.is_none_or(|before| HostView { last_seen: view.last_seen, ..before } != view) {
            changed.push(name.clone());
        }
    }
    changed.iter().filter_map(|name| board.host_change(name)).for_each(|change| hub.feed.send(change));
}
