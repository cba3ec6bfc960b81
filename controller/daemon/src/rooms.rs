//! Places for connections of people and programs nobody knows yet, shared out so that one network cannot take them all.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One subscriber has a whole /64 of IPv6, and an IPv4 client of a dual-stack socket is one of IPv4.
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        address => address,
    }
}

/// Places for connections: so many in all, so many for each network.
pub struct Rooms {
    all: Arc<Semaphore>,
    each: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    each_max: usize,
}

impl Rooms {
    pub fn new(all_max: usize, each_max: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(all_max)), each: Arc::default(), each_max }
    }

    /// Waits for a place before a connection is taken; more wait in the kernel's queue.
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.all).acquire_owned().await.ok()
    }

    /// Gives a connection its place; `None` when its network has as many as it may. Loopback has no such limit:
    /// whoever is there is local, and proxies make many people one address.
    pub fn enter(&self, address: IpAddr, turn: OwnedSemaphorePermit) -> Option<Place> {
        let network = network_of(address);
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        let count = each.entry(network).or_default();
        if *count >= self.each_max && !address.to_canonical().is_loopback() {
            return None;
        }
        *count += 1;
        Some(Place { network, each: Arc::clone(&self.each), _turn: turn })
    }
}

/// One connection's place, given back when it is dropped.
pub struct Place {
    network: IpAddr,
    each: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    _turn: OwnedSemaphorePermit,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        match each.get_mut(&self.network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(each.remove(&self.network)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_network_does_not_take_all_places() {
        const EACH_MAX: usize = 16;
        let rooms = Rooms::new(128, EACH_MAX);
        let turn = || Arc::clone(&rooms.all).try_acquire_owned().unwrap();
        let at = |net: u16, last: usize| IpAddr::from([0x2001, 0xdb8, 0, net, 0, 0, 0, last as u16]);
        let mut taken: Vec<Place> = (0..EACH_MAX).map(|n| rooms.enter(at(1, n), turn()).unwrap()).collect();
        assert!(rooms.enter(at(1, 99), turn()).is_none(), "one more address of the same /64");
        let elsewhere = rooms.enter(at(2, 1), turn());
        assert!(elsewhere.is_some());
        taken.pop();
        assert!(rooms.enter(at(1, 99), turn()).is_some());
        drop((taken, elsewhere));
        assert!(rooms.each.lock().unwrap().is_empty(), "nobody is remembered who has gone");
        assert_eq!(rooms.all.available_permits(), 128);
        for here in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let many: Vec<_> = (0..100).map(|_| rooms.enter(here.parse().unwrap(), turn())).collect();
            assert!(many.iter().all(Option::is_some), "{here} is many people");
        }
    }

    #[test]
    fn an_ipv4_client_of_a_dual_stack_socket_is_one_of_ipv4() {
        assert_eq!(network_of("::ffff:10.0.0.1".parse().unwrap()), IpAddr::from([10, 0, 0, 1]));
    }
}
