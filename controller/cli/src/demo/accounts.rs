//! Accounts for every confirmed order: in the shop, set aside, or lost.

use super::shop;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where the confirmed orders are.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    pub confirmed: usize,
    pub in_the_shop: usize,
    /// Confirmed, not in the shop, and found in a quarantine.
    pub set_aside: Vec<u64>,
    /// Confirmed and nowhere.
    pub lost: Vec<u64>,
    /// In the shop under another token than the one that was confirmed: sold twice.
    pub doubled: Vec<u64>,
}

impl Accounts {
    /// Looks every order up in `orders`, the active host's directory, and then in the quarantines of `others`.
    pub fn of(confirmed: &[(u64, String)], orders: &Path, others: &[PathBuf]) -> Self {
        let quarantines: Vec<PathBuf> = others.iter().flat_map(|root| quarantines(root)).collect();
        let mut accounts = Self { confirmed: confirmed.len(), ..Self::default() };
        for (number, token) in confirmed {
            let line = format!("{number} {token}\n");
            let holds = |root: &Path| fs::read_to_string(shop::order_path(root, *number)).ok();
            match holds(orders) {
                Some(text) if text == line => accounts.in_the_shop += 1,
                found => {
                    let aside = quarantines.iter().any(|root| holds(root).is_some_and(|text| text == line));
                    if found.is_some() {
                        accounts.doubled.push(*number);
                    }
                    if aside { accounts.set_aside.push(*number) } else { accounts.lost.push(*number) }
                }
            }
        }
        accounts
    }

    /// One line, such as `orders  1,204 confirmed = 1,198 in the shop + 6 set aside + 0 lost, 0 doubled`.
    pub fn line(&self) -> String {
        format!(
            "orders  {} confirmed = {} in the shop + {} set aside + {} lost, {} doubled",
            self.confirmed,
            self.in_the_shop,
            self.set_aside.len(),
            self.lost.len(),
            self.doubled.len()
        )
    }
}

fn quarantines(root: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(root.join(".standin/quarantine")).into_iter().flatten();
    entries.filter_map(Result::ok).map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_accounted_for() {
        let directory = tempfile::tempdir().unwrap();
        let (active, other) = (directory.path().join("active"), directory.path().join("other"));
        let write = |root: &Path, number: u64, token: &str| {
            let path = shop::order_path(root, number);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, format!("{number} {token}\n")).unwrap();
        };
        write(&active, 1, "a");
        write(&other.join(".standin/quarantine/2"), 2, "b");
        write(&active, 4, "other");
        let confirmed: Vec<(u64, String)> =
            [(1, "a"), (2, "b"), (3, "c"), (4, "d")].map(|(n, t)| (n, t.to_owned())).into();
        let accounts = Accounts::of(&confirmed, &active, &[other]);
        let expected =
            Accounts { confirmed: 4, in_the_shop: 1, set_aside: vec![2], lost: vec![3, 4], doubled: vec![4] };
        assert_eq!(accounts, expected);
    }
}
